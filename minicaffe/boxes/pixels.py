"""Boxes in whole pixels, both ends inside, and the offsets that tell them: Faster R-CNN's.

A box from x1 to x2 is ``x2 - x1 + 1`` wide, and its centre is half of that behind x1. With p a box
that is near: ``(cx - p.cx) / p.w``, ``(cy - p.cy) / p.h``, ``log(w / p.w)``, ``log(h / p.h)``.

After: R. Girshick, J. Donahue, T. Darrell, J. Malik, "Rich feature hierarchies for accurate object
detection and semantic segmentation", 2014, and py-faster-rcnn, whose ``decode`` ends a box one
pixel later than ``encode`` means it: models have learned to live with that.
"""

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.errors import ArrayError


def encode(boxes: Array, near: Array) -> Array:
    """(N, 4): the offsets that tell ``boxes``.

    Args:
        boxes: (N, 4) x1, y1, x2, y2, none of which ends before it starts.
        near: (N, 4), the same.

    Raises:
        ArrayError: one does.
    """
    _refuse_flat(boxes)
    _refuse_flat(near)
    sides, near_sides = _sides(boxes), _sides(near)
    shift = (boxes[:, :2] + sides / 2 - near[:, :2] - near_sides / 2) / near_sides
    result: Array = np.concatenate([shift, np.log(sides / near_sides)], 1)
    return result


def decode(offsets: Array, near: Array) -> Array:
    """(N, 4): the boxes that ``offsets`` tell.

    Args:
        offsets: (N, 4).
        near: (N, 4) x1, y1, x2, y2.
    """
    near_sides = _sides(near)
    center = offsets[:, :2] * near_sides + near[:, :2] + near_sides / 2
    with np.errstate(over="ignore"):  # an untrained net may well tell an infinite box
        half = np.exp(offsets[:, 2:]) * near_sides / 2
    result: Array = np.concatenate([center - half, center + half], 1)
    return result


def clip(boxes: Array, height: float, width: float) -> Array:
    """(N, 4): the boxes as far as they are in an image, whose last pixel has its size less 1."""
    most = np.array([width - 1, height - 1] * 2, boxes.dtype)
    result: Array = np.maximum(np.minimum(boxes, most), 0)
    return result


def _sides(boxes: Array) -> Array:
    sides: Array = boxes[:, 2:] - boxes[:, :2] + 1
    return sides


def _refuse_flat(boxes: Array) -> None:
    flat = ~(_sides(boxes) > 0).all(1)
    if flat.any():
        row = int(flat.argmax())
        found = ", ".join(f"{value:g}" for value in boxes[row])
        raise ArrayError(
            f"box {row} is [{found}], expected x1 <= x2 and y1 <= y2: offsets have the logarithms "
            "of its sides"
        )
