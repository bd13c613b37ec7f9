"""Areas of boxes and of what they share."""

from __future__ import annotations

import numpy as np

from minicaffe.device import Array


def areas(boxes: Array, *, whole_pixels: bool = False) -> Array:
    """(N,): the area of each of (N, 4) boxes; 0 where one ends before it starts.

    Args:
        boxes: xmin, ymin, xmax, ymax.
        whole_pixels: the ends are numbers of pixels that are inside, so that a side is one longer.
    """
    one = boxes.dtype.type(whole_pixels)
    with np.errstate(over="ignore", invalid="ignore"):
        sides = boxes[..., 2:] - boxes[..., :2]
        area: Array = np.where((sides >= 0).all(-1), (sides + one).prod(-1), 0)
    return area


def intersections(a: Array, b: Array, *, whole_pixels: bool = False) -> Array:
    """(A, B): the area that each of (A, 4) boxes shares with each of (B, 4); 0 if they touch only.

    Args:
        a: xmin, ymin, xmax, ymax.
        b: the same.
        whole_pixels: as in ``areas``.
    """
    one = a.dtype.type(whole_pixels)
    with np.errstate(over="ignore", invalid="ignore"):  # boxes of an untrained net
        width, height = (
            np.minimum(a[:, None, 2 + i], b[:, 2 + i]) - np.maximum(a[:, None, i], b[:, i]) + one
            for i in (0, 1)
        )
        shared: Array = np.maximum(width, 0) * np.maximum(height, 0)
    return shared


def iou(a: Array, b: Array, *, whole_pixels: bool = False) -> Array:
    """(A, B): intersection over union, the Jaccard index; 0 where nothing is shared.

    Args:
        a: (A, 4) xmin, ymin, xmax, ymax.
        b: (B, 4) the same.
        whole_pixels: as in ``areas``.
    """
    shared = intersections(a, b, whole_pixels=whole_pixels)
    first, second = (areas(each, whole_pixels=whole_pixels) for each in (a, b))
    with np.errstate(over="ignore", invalid="ignore"):
        union = first[:, None] + second - shared
    return _share(shared, union)


def coverage(a: Array, b: Array, *, whole_pixels: bool = False) -> Array:
    """(A, B): how much of each of (A, 4) boxes each of (B, 4) covers, from 0 to 1.

    Args:
        a: xmin, ymin, xmax, ymax.
        b: the same.
        whole_pixels: as in ``areas``.
    """
    shared = intersections(a, b, whole_pixels=whole_pixels)
    return _share(shared, areas(a, whole_pixels=whole_pixels)[:, None])


def _share(part: Array, whole: Array) -> Array:
    """``part / whole``; 0 where that is no number, as with boxes that have no end."""
    result = np.zeros_like(part)
    np.divide(part, whole, out=result, where=(part > 0) & np.isfinite(whole))
    return result
