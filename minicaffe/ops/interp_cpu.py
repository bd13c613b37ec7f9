"""Bilinear interpolation on the CPU: threads share out the planes, and rows vectorise.

The two rows of ``x`` that a row of ``y`` is between are joined first, then its columns are found.
A line has one value more than a row, for what is behind a row of one value: its share is 0.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.interp import places
from minicaffe.ops.numba_cpu import kernel, prange


def interp(x: Array, y: Array) -> None:
    """``interp.interp``."""
    if y.size:
        _interp(x, y, *_both(x, y))


def interp_grad(dy: Array, dx: Array) -> None:
    """``interp.interp_grad``."""
    if dx.size:
        _interp_grad(dy, dx, *_both(dx, dy))


def _both(small, large):
    """Places of rows and of columns."""
    pairs = ((small.shape[i], large.shape[i]) for i in (2, 3))
    return [part for pair in pairs for part in places(np, *pair, small.dtype)]


@kernel
def _interp(x, y, tops, downs, lefts, rights):
    one = x.dtype.type(1)
    channels, height, width = x.shape[1:]
    for task in prange(x.shape[0] * channels):
        n, c = task // channels, task % channels
        line = np.empty(width + 1, x.dtype)
        for i in range(y.shape[2]):
            h, down = tops[i], downs[i]
            far = min(h + 1, height - 1)
            for w in range(width):
                line[w] = x[n, c, h, w] * (one - down) + x[n, c, far, w] * down
            line[width] = line[width - 1]
            for j in range(y.shape[3]):
                w, right = lefts[j], rights[j]
                y[n, c, i, j] = line[w] * (one - right) + line[w + 1] * right


@kernel
def _interp_grad(dy, dx, tops, downs, lefts, rights):
    one, zero = dx.dtype.type(1), dx.dtype.type(0)
    channels, height, width = dx.shape[1:]
    for task in prange(dx.shape[0] * channels):
        n, c = task // channels, task % channels
        for h in range(height):
            for w in range(width):
                dx[n, c, h, w] = zero
        line = np.empty(width + 1, dx.dtype)
        for i in range(dy.shape[2]):
            line[:] = zero
            for j in range(dy.shape[3]):
                w, right = lefts[j], rights[j]
                line[w] += dy[n, c, i, j] * (one - right)
                line[w + 1] += dy[n, c, i, j] * right
            h, down = tops[i], downs[i]
            far = min(h + 1, height - 1)
            for w in range(width):
                dx[n, c, h, w] += line[w] * (one - down)
                dx[n, c, far, w] += line[w] * down
