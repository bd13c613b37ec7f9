"""What a definition does to an image and to the boxes in it, from the record to the net."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from minicaffe.data.annotated.colours import check_distortion, distort
from minicaffe.data.annotated.noise import check_noise, damage
from minicaffe.data.annotated.objects import Objects, mirrored, project
from minicaffe.data.annotated.record import Annotated
from minicaffe.data.annotated.resizing import Resizing
from minicaffe.data.annotated.sampling import check_sampler, draw_jitter, draw_window
from minicaffe.data.augment import refuse
from minicaffe.data.batch import Shape
from minicaffe.data.geometry import Size
from minicaffe.data.image import HostArray, Layout
from minicaffe.data.transformer import read_mean
from minicaffe.errors import LayerConfigError
from minicaffe.ops.transform import crop_mirror_scale
from minicaffe.proto.minicaffe_pb2 import BatchSampler, TransformationParameter

WHOLE = np.array([0.0, 0, 1, 1])
_MOST_EXPANDED = 1000  # a million times as many pixels: who asks for more has mistyped it


class AnnotatedTransformer:
    """``(x - mean) * scale`` of each image, after, in this order: other colours (distort_param), a
    larger image around it (expand_param), a window (one of the samplers'), one size (resize_param),
    damage (noise_param), a crop (in TRAIN anywhere, in TEST in the middle), and perhaps a mirror.

    The boxes go along. Nothing is kept from call to call: any number of threads may call at once.

    Args:
        param: the definition.
        samplers: of windows.
        jitter: what a window lacks of a side, at most; None for those of ``samplers``.
        train: crops are anywhere.
        dtype: of the output.

    Attributes:
        is_fixed: all images become one size, whatever theirs.

    Raises:
        LayerConfigError: the definition cannot be followed.
        DataError: the mean file is missing or holds no mean.
    """

    def __init__(
        self,
        param: TransformationParameter,
        samplers: Sequence[BatchSampler],
        *,
        train: bool,
        jitter: float | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        refuse(param, "AnnotatedData has expand_param, distort_param and samplers instead")
        if param.HasField("mean_file") and param.mean_value:
            raise LayerConfigError("mean_file and mean_value are both given, expected one")
        for sampler in samplers:
            check_sampler(sampler)
        if jitter is not None and not 0 <= jitter < 1:
            raise LayerConfigError(f"yolo_data_jitter is {jitter:g}, expected 0 <= it < 1")
        check_distortion(param.distort_param)
        check_noise(param.noise_param)
        if not 1 <= param.expand_param.max_expand_ratio <= _MOST_EXPANDED:
            raise LayerConfigError(
                f"max_expand_ratio is {param.expand_param.max_expand_ratio:g}, expected at least 1,"
                f" and at most {_MOST_EXPANDED}: sides of the larger image"
            )
        self._param, self._samplers, self._train = param, samplers, train
        self._jitter, self._has_windows = jitter, bool(samplers) or jitter is not None
        self._crop = _crop(param)
        self._emit = param.emit_constraint if param.HasField("emit_constraint") else None
        self._resizing = Resizing(param.resize_param) if param.HasField("resize_param") else None
        self._mean: HostArray = np.array(param.mean_value or [0], dtype).reshape(-1, 1, 1)
        if param.HasField("mean_file"):
            self._mean = read_mean(param.mean_file).astype(dtype)
        self._refuse_small_windows()
        changes = self._has_windows or param.HasField("expand_param")
        fixed_by_resizing = self._resizing is not None and self._resizing.is_fixed
        self.is_fixed = fixed_by_resizing or self._crop is not None
        self.changes_size = changes and not self.is_fixed

    def shape(self, layout: Layout) -> Shape:
        """(C, h, w) of what becomes of images of ``layout``, if no window is cut from them.

        Raises:
            LayerConfigError: they do not fit what is asked for.
        """
        channels, size = layout.channels, Size(layout.height, layout.width)
        if min(layout[:3]) < 1:
            raise LayerConfigError(f"an image is {layout}, expected at least one pixel")
        for name in ("distort_param", "noise_param"):
            if self._param.HasField(name) and layout.dtype is not np.uint8:
                raise LayerConfigError(
                    f"{name} is given, and an image has {np.dtype(layout.dtype)} pixels, expected "
                    "uint8: other numbers are no colours"
                )
        if channels != 3 and self._needs_colours:
            raise LayerConfigError(
                f"an image has {channels} channel(s), expected 3: only blue, green and red have "
                "a hue and a saturation"
            )
        if self._resizing is not None:
            size = self._resizing.fit(size).size
        crop = self._crop
        if crop is not None and (crop.height > size.height or crop.width > size.width):
            raise LayerConfigError(
                f"the crop is {crop.height} x {crop.width}, expected at most {size.height} x "
                f"{size.width}, as an image is"
            )
        if len(self._mean) not in (1, channels):
            raise LayerConfigError(
                f"the mean has {len(self._mean)} channels, expected 1, or {channels} as an image"
            )
        if self._mean[0].size > 1 and self._mean.shape[1:] != size:
            raise LayerConfigError(
                f"mean_file {self._param.mean_file} is {Layout(*self._mean.shape)}, expected "
                f"{size.height} x {size.width}, as an image before it is cropped"
            )
        return (channels, *(crop or size))

    def __call__(
        self, record: Annotated, rng: np.random.Generator
    ) -> tuple[HostArray, HostArray, Objects]:
        """(H, W, C) pixels, (5,) what to cut from them, as ``finish`` takes it, and the objects.

        Args:
            record: an image that ``shape`` has accepted.
            rng: of all chances of this image.
        """
        param, pixels, objects = self._param, record.pixels, record.objects
        if param.HasField("distort_param"):
            pixels = distort(pixels, param.distort_param, rng)
        if param.HasField("expand_param"):
            pixels, objects = self._expand(pixels, objects, rng)
        window = None
        if self._jitter is not None:
            window = draw_jitter(rng, self._jitter)
        elif self._samplers:
            window = draw_window(rng, self._samplers, objects.boxes)
        if window is not None:
            pixels, objects = self._cut(pixels, objects, window)
        before = Size(*pixels.shape[:2])
        if self._resizing is not None:
            pixels = self._resizing.apply(pixels, rng)
            objects = objects._replace(boxes=self._resizing.move(objects.boxes, before))
        if param.HasField("noise_param"):
            pixels = damage(pixels, param.noise_param, rng)
        return self._place(pixels, objects, rng)

    def finish(self, pixels: HostArray, place: HostArray, y: HostArray) -> None:
        """Write ``(x - mean) * scale`` of a place of ``pixels`` to ``y`` (C, h, w), contiguous."""
        mean = np.broadcast_to(self._mean, (len(y), *self._mean.shape[1:]))
        crop_mirror_scale(
            np,
            np.ascontiguousarray(pixels)[None],
            np.ascontiguousarray(mean),
            place[None],
            y[None],
            self._param.scale,
            True,
        )

    def _refuse_small_windows(self) -> None:
        """Refuse a crop that may be larger than what a sampler leaves of an image."""
        crop, resize = self._crop, self._param.resize_param
        if (
            crop
            and self._has_windows
            and (crop.height > resize.height or crop.width > resize.width)
        ):
            raise LayerConfigError(
                f"the crop is {crop.height} x {crop.width} with a batch_sampler, expected at most "
                f"{resize.height} x {resize.width}, as resize_param says: a window may be small"
            )

    @property
    def _needs_colours(self) -> bool:
        distortion, noise = self._param.distort_param, self._param.noise_param
        chances = distortion.hue_prob, distortion.saturation_prob
        return max(chances) > 0 or noise.convert_to_hsv or noise.convert_to_lab

    def _expand(
        self, pixels: HostArray, objects: Objects, rng: np.random.Generator
    ) -> tuple[HostArray, Objects]:
        param = self._param.expand_param
        chance, ratio, down, right = rng.random(4)
        ratio = 1 + (param.max_expand_ratio - 1) * ratio
        height, width, channels = pixels.shape
        large = Size(int(height * ratio), int(width * ratio))
        if chance >= param.prob or large == (height, width):
            return pixels, objects
        top = int(down * (large.height - height + 1))
        left = int(right * (large.width - width + 1))
        mean = np.broadcast_to(self._mean.mean((1, 2)), channels)
        if pixels.dtype == np.uint8:
            mean = np.clip(np.rint(mean), 0, 255)
        around = np.empty((*large, channels), pixels.dtype)
        # row by row: three times as fast as pixel by pixel
        around.reshape(large.height, -1)[...] = np.tile(mean.astype(pixels.dtype), large.width)
        around[top : top + height, left : left + width] = pixels
        window = np.array([-left, -top, large.width - left, large.height - top])
        return around, project(objects, window / np.array([width, height] * 2), self._emit)

    def _cut(
        self, pixels: HostArray, objects: Objects, window: HostArray
    ) -> tuple[HostArray, Objects]:
        """The window in whole pixels, at least one."""
        height, width = pixels.shape[:2]
        sides = np.array([width, height] * 2)
        left, top, right, bottom = np.rint(window * sides).astype(int).tolist()
        left, top = min(left, width - 1), min(top, height - 1)
        right, bottom = max(right, left + 1), max(bottom, top + 1)
        whole = np.array([left, top, right, bottom]) / sides
        return pixels[top:bottom, left:right], project(objects, whole, self._emit)

    def _place(
        self, pixels: HostArray, objects: Objects, rng: np.random.Generator
    ) -> tuple[HostArray, HostArray, Objects]:
        """The crop, the mirror, and the objects as they are then."""
        size = Size(*pixels.shape[:2])
        crop = self._crop or size
        room = np.array(size) - crop
        top, left = (room + 1) * rng.random(2) if self._train and self._crop else room // 2
        corner = np.array([left, top], np.int64)
        window = np.concatenate([corner, corner + crop[::-1]]) / np.array(size[::-1] * 2)
        objects = project(objects, window, self._emit)
        turns = self._param.mirror and rng.random() < 0.5
        if turns:
            objects = mirrored(objects)
        if self._resizing is not None:
            boxes = self._resizing.in_scale(objects.boxes, crop)
            objects = objects._replace(boxes=boxes)
        left, top = corner
        return pixels, np.array([top, left, turns, top, left]), objects


def _crop(param: TransformationParameter) -> Size | None:
    """The crop that is asked for."""
    if bool(param.crop_h) != bool(param.crop_w):
        raise LayerConfigError(
            f"crop_h is {param.crop_h} and crop_w {param.crop_w}, expected both or neither"
        )
    if param.crop_h and param.crop_size:
        raise LayerConfigError("crop_size and crop_h are both given, expected one")
    height, width = param.crop_h or param.crop_size, param.crop_w or param.crop_size
    return Size(height, width) if height else None
