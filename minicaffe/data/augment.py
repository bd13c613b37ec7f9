"""Augmentation: what else chance may do to an image, so that there seem to be more of them.

Not in Caffe. All of it is off by default, and in the TRAIN phase alone.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from minicaffe.data.geometry import Size, Window, random_sides, resize, turned, warp, windows_of
from minicaffe.data.image import HostArray, Layout
from minicaffe.errors import LayerConfigError
from minicaffe.proto.minicaffe_pb2 import TransformationParameter

AMOUNTS = {  # field: the largest amount that makes sense, and what it is
    "resized_crop_min_area": (1, "a share of the image's area"),
    "rotation": (180, "degrees to either side"),
    "brightness": (1, "a share of the largest value"),
    "contrast": (1, "factors are 1 - this to 1 + this"),
    "saturation": (1, "factors are 1 - this to 1 + this"),
    "hue": (0.5, "a share of the circle, to either side"),
}
COLOURS = ("brightness", "contrast", "saturation", "hue")
FIELDS = (*AMOUNTS, "resized_crop_max_aspect", "cutout_size")
GREY = np.array([0.114, 0.587, 0.299])  # weights of blue, green and red


class Draw(IntEnum):
    """What each of an image's random numbers decides; the first three are the original's own."""

    MIRROR = 0
    TOP = 1
    LEFT = 2
    AREA = 3
    ASPECT = 4
    ROTATION = 5
    BRIGHTNESS = 6
    CONTRAST = 7
    SATURATION = 8
    HUE = 9
    CUTOUT_ROW = 10
    CUTOUT_COLUMN = 11


class Augmentation:
    """What a definition asks for beyond the original's fields.

    Chances are (N, len(Draw)), each from 0 to 1.

    Args:
        param: the definition.

    Attributes:
        any: something is asked for.
        resizes: windows of any size are scaled to crop_size.
        moves: pixels change their places: windows are scaled, or turned.
        recolours: pixels change their values.

    Raises:
        LayerConfigError: a field has a value that makes no sense, or one that does nothing.
    """

    def __init__(self, param: TransformationParameter) -> None:
        for name, (most, why) in AMOUNTS.items():
            if not 0 <= getattr(param, name) <= most:
                raise LayerConfigError(
                    f"{name} is {getattr(param, name):g}, expected 0 to {most:g}: {why}"
                )
        self._min_area = param.resized_crop_min_area
        self._max_aspect = param.resized_crop_max_aspect
        self._rotation, self._cutout = param.rotation, param.cutout_size
        self._amounts = {name: getattr(param, name) for name in COLOURS}
        self.resizes = self._min_area > 0
        self.moves = self.resizes or self._rotation > 0
        self.recolours = any(self._amounts.values())
        self.any = self.moves or self.recolours or self._cutout > 0
        self._check(param)

    def _check(self, param: TransformationParameter) -> None:
        """Refuse fields that do not fit together."""
        if not 1 <= self._max_aspect < np.inf:
            raise LayerConfigError(
                f"resized_crop_max_aspect is {self._max_aspect:g}, expected at least 1: it is the "
                "longer side over the shorter"
            )
        if param.HasField("resized_crop_max_aspect") and not self.resizes:
            raise LayerConfigError(
                "resized_crop_max_aspect is given without resized_crop_min_area, expected both: "
                "alone it does nothing"
            )
        if self.resizes and not param.crop_size:
            raise LayerConfigError(
                "resized_crop_min_area is given without crop_size, expected both: windows are "
                "scaled to it"
            )
        if self.moves and param.HasField("mean_file"):
            name = "resized_crop_min_area" if self.resizes else "rotation"
            raise LayerConfigError(
                f"mean_file is given with {name}, expected mean_value: each pixel of the mean "
                "belongs to a place in the image, which pixels leave"
            )

    def check(self, channels: int, size: Size) -> None:
        """See that images of ``channels`` that become ``size`` can be augmented.

        Raises:
            LayerConfigError: they have no colours, or are smaller than the cutout.
        """
        for name, allowed in ("saturation", (1, 3)), ("hue", (3,)):
            if self._amounts[name] and channels not in allowed:
                raise LayerConfigError(
                    f"{name} is {self._amounts[name]:g}, expected 0: an image has {channels} "
                    "channel(s), which are not blue, green and red"
                )
        if self._cutout > min(size):
            raise LayerConfigError(
                f"cutout_size is {self._cutout}, expected at most {min(size)}: what is left of an "
                f"image is {size.height} x {size.width}"
            )

    def move(self, layout: Layout, x: HostArray, chances: HostArray, size: Size) -> HostArray:
        """Scale and turn a window of each image, in one resampling.

        Args:
            layout: of each image.
            x: (N, *layout.shape).
            chances: of each image.
            size: of the result.

        Returns:
            (N, C, h, w), or (N, h, w, C) if interleaved; of the dtype of ``x``.
        """
        image = Size(layout.height, layout.width)
        sides = np.tile(np.array(size), (len(x), 1))
        if self.resizes:
            areas, aspects = chances[:, Draw.AREA], chances[:, Draw.ASPECT]
            sides = random_sides(image, areas, aspects, self._min_area, self._max_aspect)
        windows = windows_of(image, sides, chances[:, [Draw.TOP, Draw.LEFT]])
        degrees = _either_side(chances[:, Draw.ROTATION], self._rotation)
        sources = turned(windows, degrees, size)
        shape = layout._replace(height=size.height, width=size.width).shape
        y: HostArray = np.empty((len(x), *shape), x.dtype)
        for n, window in enumerate(windows.tolist()):
            for part, target in _parts(x[n], y[n], layout):
                if self._rotation:
                    warp(part, sources[n], target)
                else:
                    resize(part, Window(*window), target)
        return y

    def colours(
        self, chances: HostArray, largest: HostArray | float
    ) -> tuple[HostArray, HostArray, HostArray]:
        """Offsets (N,), contrasts (N,) and mixtures (N, 3, 3) for ``ops.transform.recolour``.

        Args:
            chances: of each image.
            largest: the largest value that images have, or (N,) of them.
        """
        brightness, contrast, saturation, hue = (
            _either_side(chances[:, Draw[name.upper()]], amount)
            for name, amount in self._amounts.items()
        )
        return brightness * largest, 1 + contrast, mixtures(1 + saturation, hue)

    def cut_out(self, chances: HostArray, y: HostArray) -> None:
        """Set a square of each image to 0; its middle is any pixel, so that it may reach outside.

        After: DeVries, Taylor: "Improved regularization of convolutional neural networks with
        cutout", 2017.

        Args:
            chances: of each image.
            y: (N, C, h, w).
        """
        side = self._cutout
        if not side:
            return
        middles = chances[:, [Draw.CUTOUT_ROW, Draw.CUTOUT_COLUMN]] * y.shape[2:]
        corners = middles.astype(int) - side // 2
        for image, (top, left) in zip(y, corners.tolist(), strict=True):
            image[:, max(top, 0) : top + side, max(left, 0) : left + side] = 0


def refuse(param: TransformationParameter, why: str) -> None:
    """Refuse the fields of this module in a layer that does not read them.

    Raises:
        LayerConfigError: one of them is given.
    """
    for name in FIELDS:
        if param.HasField(name):
            raise LayerConfigError(f"{name} is given, expected none: {why}")


def mixtures(saturation: HostArray, hue: HostArray) -> HostArray:
    """(N, 3, 3): each new channel as a mixture of blue, green and red.

    ``saturation`` (N,) multiplies the distance from the pixel's grey. Then ``hue`` (N,), a share
    of the circle, turns it about the axis of greys: a third makes green of red, blue of green,
    red of blue. Both leave grey as it is.

    After: Haeberli: "Matrix operations for image processing", 1993.
    """
    eye, angle = np.eye(3), 2 * np.pi * hue[:, None, None]
    factor = saturation[:, None, None]
    saturated = factor * eye + (1 - factor) * GREY
    across = np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]]) / np.sqrt(3)
    turned = np.cos(angle) * eye + (1 - np.cos(angle)) / 3 + np.sin(angle) * across
    mixed: HostArray = turned @ saturated
    return mixed


def _either_side(chance: HostArray, most: float) -> HostArray:
    """From ``-most`` to ``most``; 0 in the middle."""
    return (2 * chance - 1) * most


def _parts(x: HostArray, y: HostArray, layout: Layout) -> list[tuple[HostArray, HostArray]]:
    """What OpenCV takes at once of an image ``x``, and of what becomes of it ``y``."""
    if not layout.interleaved:
        return list(zip(x, y, strict=True))
    if layout.channels in (3, 4):  # of two, it interpolates less exactly
        return [(x, y)]
    return [(x[..., c], y[..., c]) for c in range(layout.channels)]
