"""Bringing images to one size: stretched, or as they are with padding, or their shorter side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicaffe.data.geometry import Size
from minicaffe.data.image import HostArray
from minicaffe.errors import LayerConfigError
from minicaffe.proto.minicaffe_pb2 import ResizeParameter

_PADS = {  # cv2.BORDER_*
    ResizeParameter.CONSTANT: 0,
    ResizeParameter.MIRRORED: 4,
    ResizeParameter.REPEAT_NEAREST: 1,
}
_INTERPOLATIONS = {  # cv2.INTER_*
    ResizeParameter.LINEAR: 1,
    ResizeParameter.AREA: 3,
    ResizeParameter.NEAREST: 0,
    ResizeParameter.CUBIC: 2,
    ResizeParameter.LANCZOS4: 4,
}


class Fit(NamedTuple):
    """Where an image is in the result.

    Attributes:
        inner: the size that it is scaled to.
        top, left: rows and columns of padding before it.
        size: of the result.
    """

    inner: Size
    top: int
    left: int
    size: Size


class Resizing:
    """What a definition asks for.

    Args:
        param: the definition.

    Attributes:
        is_fixed: all images become one size.

    Raises:
        LayerConfigError: it cannot be followed.
    """

    def __init__(self, param: ResizeParameter) -> None:
        if not param.height or not param.width:
            raise LayerConfigError(
                f"resize_param has height {param.height} and width {param.width}, expected both"
            )
        if param.prob != 1:
            raise LayerConfigError(
                f"prob of resize_param is {param.prob:g}, expected 1: the images of a batch have "
                "one size"
            )
        self._param = param
        self.is_fixed = param.resize_mode != ResizeParameter.FIT_SMALL_SIZE
        self._ways = [_INTERPOLATIONS[each] for each in param.interp_mode] or [1]

    def fit(self, image: Size) -> Fit:
        """Where an image of the size ``image`` comes to be."""
        whole = Size(self._param.height, self._param.width)
        ratios = whole.height / image.height, whole.width / image.width
        if self._param.resize_mode == ResizeParameter.WARP:
            return Fit(whole, 0, 0, whole)
        small = self._param.resize_mode == ResizeParameter.FIT_SMALL_SIZE
        ratio = max(ratios) if small else min(ratios)
        inner = Size(*(_side(side, ratio) for side in image))
        if small:
            return Fit(inner, 0, 0, inner)
        return Fit(
            inner, (whole.height - inner.height) // 2, (whole.width - inner.width) // 2, whole
        )

    def apply(self, pixels: HostArray, rng: np.random.Generator) -> HostArray:
        """``pixels`` (H, W, C) in their new size; how, is chosen by chance among what is given."""
        import cv2  # takes 0.1 s to load

        way = self._ways[rng.integers(len(self._ways))] if len(self._ways) > 1 else self._ways[0]
        inner, top, left, size = self.fit(Size(*pixels.shape[:2]))
        small = cv2.resize(pixels, inner[::-1], interpolation=way)
        if inner != size:
            bottom, right = size.height - inner.height - top, size.width - inner.width - left
            border = _PADS[self._param.pad_mode]
            value = self._padding(pixels.shape[2])
            small = cv2.copyMakeBorder(small, top, bottom, left, right, border, value=value)
        result: HostArray = small.reshape(*size, pixels.shape[2])
        return result

    def _padding(self, channels: int) -> list[float]:
        given = list(self._param.pad_value) or [0.0]
        if len(given) not in (1, channels):
            raise LayerConfigError(
                f"pad_value is given {len(given)} times, expected once, or once for each of "
                f"{channels} channel(s)"
            )
        return given * channels if len(given) == 1 else given

    def move(self, boxes: HostArray, image: Size) -> HostArray:
        """(M, 4): boxes in shares of an image, in shares of the result."""
        inner, top, left, size = self.fit(image)
        sides = np.array([size.width, size.height] * 2)
        moved: HostArray = (
            boxes * np.array([inner.width, inner.height] * 2) + np.array([left, top] * 2)
        ) / sides
        return moved

    def in_scale(self, boxes: HostArray, crop: Size) -> HostArray:
        """(M, 4): boxes of what is left, in the units of ``height_scale`` and ``width_scale``.

        Args:
            boxes: in shares of what is left after the crop.
            crop: its size.
        """
        param = self._param
        if self.is_fixed or not (param.height_scale and param.width_scale):
            return boxes
        units = [crop.width / param.width_scale, crop.height / param.height_scale] * 2
        scaled: HostArray = boxes * np.array(units)
        return scaled


def _side(side: int, ratio: float) -> int:
    return max(1, int(side * ratio + 1e-6))  # 1e-6: what fits exactly shall
