"""Codes: how four numbers tell a box, given one that is near it.

After: Liu, Anguelov, Erhan, Szegedy, Reed, Fu, Berg, "SSD: Single Shot MultiBox Detector", 2016,
and its fork of Caffe, which has all three. With p the near (prior) box, w and h its sides, c its
centre, and v its variances:

    CORNER       (xmin - p.xmin) / v[0], and the other three likewise
    CENTER_SIZE  (c.x - p.c.x) / p.w / v[0], (c.y - p.c.y) / p.h / v[1],
                 log(w / p.w) / v[2], log(h / p.h) / v[3]
    CORNER_SIZE  (xmin - p.xmin) / p.w / v[0], and the other three likewise, y over p.h
"""

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.errors import ArrayError
from minicaffe.proto.minicaffe_pb2 import PriorBoxParameter

CORNER = PriorBoxParameter.CORNER
CENTER_SIZE = PriorBoxParameter.CENTER_SIZE
CORNER_SIZE = PriorBoxParameter.CORNER_SIZE


def encode(boxes: Array, priors: Array, code: int, variances: Array | None = None) -> Array:
    """(N, 4): what tells ``boxes``; the inverse of ``decode``.

    Args:
        boxes: (N, 4) xmin, ymin, xmax, ymax.
        priors: (N, 4), or (4,) for all: the boxes near them.
        code: CORNER, CENTER_SIZE or CORNER_SIZE.
        variances: as ``priors``: what each number is divided by; None: 1.

    Raises:
        ArrayError: a side that a code divides by, or takes the logarithm of, is not positive.
    """
    if code == CORNER:
        told = boxes - priors
    else:
        _refuse_flat(priors, "prior box")
        sides = _sides(priors)
        if code == CENTER_SIZE:
            _refuse_flat(boxes, "box")
            shift = (_centers(boxes) - _centers(priors)) / sides
            told = np.concatenate([shift, np.log(_sides(boxes) / sides)], axis=-1)
        else:
            told = (boxes - priors) / np.concatenate([sides, sides], axis=-1)
    result: Array = told if variances is None else told / variances
    return result


def decode(told: Array, priors: Array, code: int, variances: Array | None = None) -> Array:
    """(..., N, 4): the boxes that ``told`` tells.

    Args:
        told: (..., N, 4) in the numbers of the code.
        priors: (N, 4): the boxes near them.
        code: CORNER, CENTER_SIZE or CORNER_SIZE.
        variances: as ``priors``: what each number is multiplied by; None: 1.
    """
    offsets = told if variances is None else told * variances
    if code == CORNER:
        corners: Array = priors + offsets
        return corners
    sides = _sides(priors)
    if code == CORNER_SIZE:
        moved: Array = priors + offsets * np.concatenate([sides, sides], axis=-1)
        return moved
    center = offsets[..., :2] * sides + _centers(priors)
    with np.errstate(over="ignore"):  # an untrained net may well tell an infinite box
        half = np.exp(offsets[..., 2:]) * sides / 2
    return np.concatenate([center - half, center + half], axis=-1)


def clip(boxes: Array, width: float = 1, height: float = 1) -> Array:
    """(..., 4): the boxes as far as they are in an image, from 0 to ``width`` and ``height``."""
    most = np.array([width, height, width, height], boxes.dtype)
    result: Array = np.clip(boxes, 0, most)
    return result


def _sides(boxes: Array) -> Array:
    return boxes[..., 2:] - boxes[..., :2]


def _centers(boxes: Array) -> Array:
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def _refuse_flat(boxes: Array, what: str) -> None:
    flat = ~(_sides(boxes) > 0).reshape(-1, 2).all(-1)
    if flat.any():
        row = int(flat.argmax())
        found = ", ".join(f"{value:g}" for value in boxes.reshape(-1, 4)[row])
        raise ArrayError(
            f"{what} {row} is [{found}], expected xmin < xmax and ymin < ymax: its code divides "
            "by its sides"
        )
