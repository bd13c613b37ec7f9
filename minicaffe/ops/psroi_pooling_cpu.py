"""Position-sensitive ROI pooling for the CPU: threads share out channels, which bins own."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.bad import first_bad
from minicaffe.ops.numba_cpu import kernel, prange
from minicaffe.ops.psroi_pooling import edges
from minicaffe.ops.roi_pooling import images


def psroi_pool(x: Array, rois: Array, y: Array, scale: float) -> int:
    """``psroi_pooling.psroi_pool``."""
    image, bad = images(np, rois, len(x))
    if len(x) and y.size:
        _pool(x, image, *_bins(rois, scale, y, x), y)
    return int(first_bad(np, bad))


def psroi_pool_grad(rois: Array, dy: Array, dx: Array, scale: float) -> None:
    """``psroi_pooling.psroi_pool_grad``."""
    image, _ = images(np, rois, len(dx))
    _grad(image, *_bins(rois, scale, dy, dx), dy, dx)


def _bins(rois, scale, y, x):
    """First and past-the-last row of each bin, then columns."""
    rows = edges(np, rois[:, 2::2], scale, y.shape[2], x.shape[2])
    return (*rows, *edges(np, rois[:, 1::2], scale, y.shape[3], x.shape[3]))


@kernel
def _pool(x, image, tops, bottoms, lefts, rights, y):
    regions, outputs, bins = y.shape[:3]
    for task in prange(outputs * bins * bins):
        d, i, j = task // bins // bins, task // bins % bins, task % bins
        for r in range(regions):
            total = 0.0
            for h in range(tops[r, i], bottoms[r, i]):
                for w in range(lefts[r, j], rights[r, j]):
                    total += x[image[r], task, h, w]
            count = (bottoms[r, i] - tops[r, i]) * (rights[r, j] - lefts[r, j])
            y[r, d, i, j] = total / max(count, 1)


@kernel
def _grad(image, tops, bottoms, lefts, rights, dy, dx):
    bins = dy.shape[2]
    for task in prange(dx.shape[1]):
        for n in range(len(dx)):
            dx[n, task] = 0
        d, i, j = task // bins // bins, task // bins % bins, task % bins
        for r in range(len(dy)):
            count = (bottoms[r, i] - tops[r, i]) * (rights[r, j] - lefts[r, j])
            each = dy[r, d, i, j] / max(count, 1)
            for h in range(tops[r, i], bottoms[r, i]):
                for w in range(lefts[r, j], rights[r, j]):
                    dx[image[r], task, h, w] += each
