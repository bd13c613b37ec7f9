"""PriorBox: default boxes at each position of a feature map."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import isfinite, sqrt

import numpy as np

from minicaffe import glog
from minicaffe.blob import Blob
from minicaffe.boxes.codes import clip
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers._index import refuse_index_gradient
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.proto.minicaffe_pb2 import PriorBoxParameter

_SAME = 1e-6  # aspect ratios that differ by less are one
_FACE_BOXES = ([32, 64, 128], 32), [4, 2, 1]  # sizes and step, and the densities of these
_PAIRS = [("img_size", "img_h", "img_w"), ("step", "step_h", "step_w")]


@register_layer("PriorBox")
class PriorBox(Layer):
    """Boxes of several shapes around each position, as shares of the image, and their variances.

    The centre of position (h, w) is ``((w + offset) step_w, (h + offset) step_h)``, in pixels; a
    step that is not given is the image's side over the map's. For each ``min_size`` m there, in
    this order: a square of side m; one of side ``sqrt(m M)`` where ``max_size`` has an M for it;
    and for each aspect ratio r but 1 a box of ``m sqrt(r)`` by ``m / sqrt(r)``.

    With ``density``, of FaceBoxes, there are d by d squares for each m in place of the first, of
    side ``m - 1``, row by row; those of index i are ``(i - d // 2) step / d`` from the centre, so
    that with an ``offset`` of 0.5 and an even d they share out the step from its start. Sizes 32,
    64 and 128 at a ``step`` of 32, without ``max_size`` and ``aspect_ratio``, are FaceBoxes': its
    definition, whose code has the densities 4, 2 and 1 for these, is read so. Its other PriorBox
    layers make squares a pixel smaller as well; here they do with ``density: 1``.

    Shapes:
        bottom[0]  map    (N, C, H, W); only its shape is read
        bottom[1]  image  (N, C, h, w); only its shape is read
        top[0]     y      (1, 2, H W P 4), P boxes a position: y[0, 0] is xmin, ymin, xmax, ymax
                          of each, y[0, 1] their variances
    Definition: ``prior_box_param``. With ``flip``, the default, 1 / r follows each r. One
    ``variance`` is for all four numbers; 0.1 without any.
    After: Liu, Anguelov, Erhan, Szegedy, Reed, Fu, Berg, "SSD: Single Shot MultiBox Detector",
    2016, and the layer of its fork of Caffe, which cuts off what sizes have behind the point, as
    is done here, with a warning; S. Zhang et al., "FaceBoxes: a CPU real-time face detector with
    high accuracy", 2017. Differs: ``force_backward`` goes past this layer.
    """

    origin = "SSD"
    num_bottom = Arity(2, 2)
    backward_reads: Collection[str] = ()

    def allow_force_backward(self, index: int) -> bool:
        return False

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.prior_box_param
        self._densities = _densities(param)
        self._sizes = _sizes(param, self._densities)
        self._variance = _variance(param)
        _check_pairs(param)
        if not isfinite(param.offset):
            raise LayerConfigError(
                f"offset is {param.offset:g}, expected a finite number: where in a step the centre "
                "is"
            )
        for index in range(len(bottom)):
            refuse_index_gradient(self.param.propagate_down, index, "nothing but a shape")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        for index, blob in enumerate(bottom):
            if blob.ndim != 4 or not all(blob.shape[2:]):
                raise ShapeError(
                    f"bottom[{index}] has shape {blob.shape}, expected (N, C, H, W), no side 0"
                )
        height, width = bottom[0].shape[2:]
        top[0].reshape((1, 2, height * width * len(self._sizes) * 4))
        self._top: Array = None

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if self._top is None:  # not in reshape: nets are built for their shapes alone, too
            self._top = self.xp.asarray(self._boxes(bottom).astype(self.dtype))
        top[0].data[...] = self._top

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        for index in range(len(bottom)):
            refuse_index_gradient(propagate_down, index, "nothing but a shape")

    def _boxes(self, bottom: Sequence[Blob]) -> Array:
        """float64, the top: boxes and variances."""
        param = self.param.prior_box_param
        map_sides = np.array(bottom[0].shape[:1:-1])  # width first, as boxes have it
        image = np.array(_given(param, *_PAIRS[0]) or bottom[1].shape[2:])[::-1]
        step = np.array(_given(param, *_PAIRS[1]) or (image / map_sides)[::-1])[::-1]
        across, down = (
            (np.arange(count) + param.offset) * each
            for count, each in zip(map_sides, step, strict=True)
        )
        centers = np.stack(np.meshgrid(across, down), axis=-1)[:, :, None]
        half = np.array(self._sizes) / 2
        if self._densities:
            centers = centers + np.array(self._moves()) * step
        boxes = np.concatenate([(centers - half) / image, (centers + half) / image], axis=-1)
        if param.clip:
            boxes = clip(boxes)
        variances = np.tile(self._variance, boxes.size // 4)
        return np.stack([boxes.reshape(-1), variances])[np.newaxis]

    def _moves(self) -> list[tuple[float, float]]:
        """From the centre to that of each box at a position, as shares of a step."""
        moves = []
        each = len(self._sizes) - sum(d * d for d in self._densities)
        for density in self._densities:
            places = [(i - density // 2) / density for i in range(density)]
            moves += [(across, down) for down in places for across in places]
            moves += [(0.0, 0.0)] * (each // len(self._densities))
        return moves


def _densities(param: PriorBoxParameter) -> list[int]:
    """Squares a side for each ``min_size``; empty where it is not FaceBoxes'.

    Raises:
        LayerConfigError: there are not as many.
    """
    densities = list(param.density)
    if densities and (len(densities) != len(param.min_size) or not all(densities)):
        raise LayerConfigError(
            f"density is {densities}, expected {len(param.min_size)} number(s) from 1 up, one for "
            "each min_size"
        )
    shapes = list(param.max_size) + list(param.aspect_ratio)
    if not densities and not shapes and (list(param.min_size), param.step) == _FACE_BOXES[0]:
        densities = _FACE_BOXES[1]
        glog.info(
            "prior_box.py:1",
            "sizes 32, 64 and 128 at a step of 32 count as FaceBoxes', of density 4, 2 and 1; "
            "density: 1 for each says otherwise",
        )
    return densities


def _sizes(param: PriorBoxParameter, densities: list[int]) -> list[tuple[float, float]]:
    """Width and height in pixels of each box at a position.

    Raises:
        LayerConfigError: a size or a ratio is none.
    """
    for name in ("min_size", "max_size", "aspect_ratio"):
        for value in getattr(param, name):
            least = 0 if name == "aspect_ratio" else 1
            if not (isfinite(value) and value >= least and value > 0):
                more = "above 0" if name == "aspect_ratio" else "from 1 up, in pixels"
                raise LayerConfigError(f"{name} is {value:g}, expected a number {more}")
            if least and value != int(value):
                glog.warning(
                    "prior_box.py:1", f"{name} {value:g} counts as {int(value)}, as in SSD's fork"
                )
    if not param.min_size:
        raise LayerConfigError("min_size is missing, expected at least one: the sides of boxes")
    if len(param.max_size) not in (0, len(param.min_size)):
        raise LayerConfigError(
            f"max_size is given {len(param.max_size)} time(s), expected none or "
            f"{len(param.min_size)}, as min_size"
        )
    for low, high in zip(param.min_size, param.max_size, strict=False):
        if high <= low:
            raise LayerConfigError(f"max_size is {high:g}, expected above its min_size: {low:g}")
    ratios = _ratios(param)
    sizes = []
    for index, low in enumerate(map(int, param.min_size)):
        if densities:
            sizes += [(low - 1.0, low - 1.0)] * densities[index] ** 2
        else:
            sizes.append((float(low), float(low)))
        if param.max_size:
            side = sqrt(low * int(param.max_size[index]))
            sizes.append((side, side))
        sizes += [(low * sqrt(ratio), low / sqrt(ratio)) for ratio in ratios]
    return sizes


def _ratios(param: PriorBoxParameter) -> list[float]:
    """Aspect ratios, each once, with their inverses where they are asked for; without 1."""
    found = [1.0]
    for ratio in param.aspect_ratio:
        if all(abs(ratio - other) >= _SAME for other in found):
            found += [ratio, 1 / ratio] if param.flip else [ratio]
    return found[1:]


def _variance(param: PriorBoxParameter) -> list[float]:
    values = list(param.variance) or [float(np.float32(0.1))]
    if len(values) not in (1, 4) or not all(isfinite(value) and value > 0 for value in values):
        found = ", ".join(f"{value:g}" for value in values)
        raise LayerConfigError(f"variance is {found}, expected one or four numbers above 0")
    return values * (4 // len(values))


def _check_pairs(param: PriorBoxParameter) -> None:
    """Refuse sizes of the image, and steps, that are given in half, twice, or are none."""
    for one, high, wide in _PAIRS:
        both = [name for name in (high, wide) if param.HasField(name)]
        if param.HasField(one) and both:
            raise LayerConfigError(
                f"{one} and {both[0]} are given, expected one: both say the same"
            )
        if len(both) == 1:
            raise LayerConfigError(f"{both[0]} is given alone, expected {high} and {wide}")
        for name in (one, high, wide):
            value = getattr(param, name)
            if param.HasField(name) and not (isfinite(value) and value > 0):
                raise LayerConfigError(f"{name} is {value:g}, expected a number above 0")


def _given(param: PriorBoxParameter, one: str, high: str, wide: str) -> list[float]:
    """Height and width of what ``one``, or ``high`` and ``wide``, say; empty where nothing does."""
    if param.HasField(one):
        return [getattr(param, one)] * 2
    return [getattr(param, high), getattr(param, wide)] if param.HasField(high) else []
