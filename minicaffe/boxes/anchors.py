"""Anchors: boxes of several shapes and sizes around every position of a feature map.

After: S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: towards real-time object detection with
region proposal networks", 2015. Coordinates are numbers of pixels, both ends inside.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.device import Array

RATIOS = (0.5, 1.0, 2.0)
SCALES = (8.0, 16.0, 32.0)


def anchors(
    base: float = 16,
    ratios: Sequence[float] = RATIOS,
    scales: Sequence[float] = SCALES,
    *,
    half_to_even: bool = True,
) -> Array:
    """(A, 4) float64: the anchors of the first position, by ratio, then by scale.

    A square of side ``base`` gets each ratio at about its area, with whole sides; these are then
    enlarged around its centre.

    Args:
        base: side of the square from 0 to ``base - 1``.
        ratios: heights over widths.
        scales: of the sides.
        half_to_even: how a side of half a pixel is rounded: as NumPy does it, or up.
    """

    def whole(sides: Array) -> Array:
        return np.round(sides) if half_to_even else np.floor(sides + 0.5)

    ratio = np.array(ratios, float)
    width = whole(np.sqrt(base * base / ratio))
    height = whole(width * ratio)
    sides = np.stack([width, height], 1)[:, None] * np.array(scales, float)[:, None]
    half = (sides.reshape(-1, 2) - 1) / 2
    center = (base - 1) / 2
    result: Array = np.concatenate([center - half, center + half], 1)
    return result


def grid(first: Array, height: int, width: int, stride: float) -> Array:
    """(height * width * A, 4): anchors of all positions, by row, by column, then as in ``first``.

    Args:
        first: (A, 4), those of the first position.
        height: of the feature map.
        width: of the feature map.
        stride: pixels from one position to the next.
    """
    y, x = np.indices((height, width)) * stride
    shift = np.stack([x, y, x, y], -1)
    result: Array = (shift[:, :, None] + first).reshape(-1, 4)
    return result
