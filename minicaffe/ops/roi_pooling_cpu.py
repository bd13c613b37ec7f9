"""ROI pooling for the CPU: threads share out the regions, and backward the channels."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.bad import first_bad
from minicaffe.ops.numba_cpu import inner, kernel, prange
from minicaffe.ops.pooling import LOWEST
from minicaffe.ops.roi_pooling import edges, images


def roi_pool(x: Array, rois: Array, y: Array, index: Array, scale: float) -> int:
    """``roi_pooling.roi_pool``."""
    image, bad = images(np, rois, len(x))
    if len(x) and y.size:
        rows = edges(np, rois[:, 2::2], scale, y.shape[2], x.shape[2])
        columns = edges(np, rois[:, 1::2], scale, y.shape[3], x.shape[3])
        _pool(x, image, *rows, *columns, y, index)
    return int(first_bad(np, bad))


def roi_pool_grad(rois: Array, dy: Array, index: Array, dx: Array, scale: float) -> None:
    """``roi_pooling.roi_pool_grad``."""
    image, _ = images(np, rois, len(dx))
    bins, plane = dy.shape[2] * dy.shape[3], dx.shape[2] * dx.shape[3]
    flat = (a.reshape(*a.shape[:2], size) for a, size in ((dy, bins), (index, bins), (dx, plane)))
    _grad(image, *flat)


@inner
def _bin(plane, top, bottom, left, right):
    """The largest and its place; 0 where there is no element."""
    best, at = plane.dtype.type(LOWEST), np.int32(-1)
    for h in range(top, bottom):
        for w in range(left, right):
            if plane[h, w] > best:
                best, at = plane[h, w], np.int32(h * plane.shape[1] + w)
    if top >= bottom or left >= right:
        best = plane.dtype.type(0)
    return best, at


@kernel
def _pool(x, image, tops, bottoms, lefts, rights, y, index):
    regions, channels, height, width = y.shape
    for task in prange(regions * channels):  # one region alone has work for all
        r, c = task // channels, task % channels
        for i in range(height):
            for j in range(width):
                y[r, c, i, j], index[r, c, i, j] = _bin(
                    x[image[r], c], tops[r, i], bottoms[r, i], lefts[r, j], rights[r, j]
                )


@kernel
def _grad(image, dy, index, dx):
    for c in prange(dx.shape[1]):
        for n in range(len(dx)):
            dx[n, c] = 0
        for r in range(len(dy)):
            for o in range(dy.shape[2]):
                if index[r, c, o] >= 0:
                    dx[image[r], c, index[r, c, o]] += dy[r, c, o]
