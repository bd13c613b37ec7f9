"""Upsample: larger planes, by a pooling's mask or by repetition."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers._index import refuse_index, refuse_index_gradient
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import upsample as ops

_LIMIT = 2**31 - 1


@register_layer("Upsample")
class Upsample(Layer):
    """With a mask, each value goes where the mask says, and the rest is 0; alone, it is repeated.

    With a mask (SegNet, ENet): ``y[n, c, mask[n, c, i]] = x[n, c, i]``, places counted along the
    rows of a plane of y, as the second top of a Pooling has them. Of several values for one place,
    which windows that overlap can give, the last one stays, and it alone gets the gradient.
    Alone (YOLO): ``y[n, c, h, w] = x[n, c, h // scale_h, w // scale_w]``; the gradient is summed.

    Shapes:
        bottom[0]  x     (N, C, h, w)
        bottom[1]  mask  as x; it has no gradient. Or none.
        top[0]     y     (N, C, H, W): H is ``upsample_h``, or ``h * scale_h`` less one where
                         ``pad_out_h``; W likewise. Alone: (N, C, h * scale_h, w * scale_w)
    Definition: ``upsample_param``: ``scale``, or ``scale_h`` and ``scale_w``; not given: 2 with a
    mask, 1 alone. ``upsample_h`` and ``upsample_w`` go before ``scale``, which may be there too.
    After: V. Badrinarayanan, A. Kendall, R. Cipolla, "SegNet: a deep convolutional encoder-decoder
    architecture for image segmentation", 2015, and its fork of Caffe; alone, the fork
    MobileNet-YOLO. Differs: a place outside of the plane is refused on every device; of several
    values for one place the fork gives the gradient to each, and on a GPU any of them stays.
    """

    origin = "SegNet"
    num_bottom = Arity(1, 2)

    @property
    def backward_reads(self) -> Collection[str]:  # type: ignore[override]  # the mask, if any
        return ("bottom",) if len(self.param.bottom) != 1 else ()

    def allow_force_backward(self, index: int) -> bool:
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.upsample_param
        self._has_mask = len(bottom) == 2
        for field in ("scale", "scale_h", "scale_w", "upsample_h", "upsample_w"):
            if param.HasField(field) and not 0 < getattr(param, field) <= _LIMIT:
                raise LayerConfigError(f"{field} is {getattr(param, field)}, expected at least 1")
        sides = [param.HasField("scale_h"), param.HasField("scale_w")]
        if any(sides) and (not all(sides) or param.HasField("scale")):
            given = [f for f in ("scale", "scale_h", "scale_w") if param.HasField(f)]
            verb = "is given alone" if len(given) == 1 else "are given"
            raise LayerConfigError(
                f"{' and '.join(given)} {verb}, expected scale, or both scale_h and scale_w"
            )
        same = param.scale if param.HasField("scale") else 1 + self._has_mask
        self._scale = (param.scale_h, param.scale_w) if any(sides) else (same, same)
        for field in ("pad_out_h", "pad_out_w", "upsample_h", "upsample_w"):
            if param.HasField(field) and getattr(param, field) and not self._has_mask:
                raise LayerConfigError(
                    f"{field} is given with one bottom, expected scale: without a mask each "
                    "value is repeated a whole number of times"
                )
        refuse_index_gradient(self.param.propagate_down, 1, "places")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        if len(shape) != 4:
            raise ShapeError(f"bottom[0] has shape {shape}, expected (N, C, H, W)")
        if self._has_mask and bottom[1].shape != shape:
            raise ShapeError(
                f"bottom[1] has shape {bottom[1].shape}, expected {shape} as bottom[0]: a place "
                "for each value"
            )
        top[0].reshape((*shape[:2], self._size(0, shape[2]), self._size(1, shape[3])))
        if self._has_mask:
            self._source = self.xp.zeros(_planes(top[0].shape), self.xp.int32)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if not self._has_mask:
            ops.repeat(self.xp, *(_solid(blob.data) for blob in (bottom[0], top[0])))
            return
        x, mask, y = (blob.data.reshape(_planes(blob.shape)) for blob in (*bottom, top[0]))
        bad = ops.unpool(self.xp, x, mask, y, self._source)
        self.check(bad, mask, partial(_refuse, bottom[1].shape, top[0].shape))

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        refuse_index_gradient(propagate_down, 1, "places")
        if not propagate_down[0]:
            return
        dy, dx = top[0].diff, bottom[0].diff
        if not self._has_mask:
            ops.repeat_grad(self.xp, _solid(dy), _solid(dx))
            return
        planes = (a.reshape(_planes(a.shape)) for a in (dy, bottom[1].data))
        ops.unpool_grad(self.xp, *planes, self._source, dx.reshape(_planes(dx.shape)))

    def _size(self, axis: int, size: int) -> int:
        """Of the top's height (``axis`` 0) or width."""
        param, name = self.param.upsample_param, "hw"[axis]
        if param.HasField(f"upsample_{name}"):
            return int(getattr(param, f"upsample_{name}"))
        return int(size * self._scale[axis] - getattr(param, f"pad_out_{name}"))


def _planes(shape: tuple[int, ...]) -> tuple[int, int]:
    """(planes, elements of one)."""
    return shape[0] * shape[1], shape[2] * shape[3]


def _solid(array: Array) -> Array:
    return array.reshape(array.shape[0] * array.shape[1], *array.shape[2:])


def _refuse(mask: tuple[int, ...], y: tuple[int, ...], position: int, value: float) -> None:
    places = y[2] * y[3]
    why = f"top[0] has shape {y}; upsample_param has to fit the Pooling that made the mask"
    refuse_index(mask, "bottom[1]", places, why, position, value)
