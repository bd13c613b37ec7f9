"""Compiled bodies of ``ops.smooth_l1``: tasks of a fixed size, so that sums come out the same.

Where there are no weights, selects in place of branches let the loops vectorise.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.numba_cpu import helper, kernel, prange

TASK = 8192  # elements


def smooth_l1(x, y, inside, outside, sigma, total):
    """See ``ops.smooth_l1.smooth_l1``."""
    parts, square = np.zeros(-(-x.size // TASK)), x.dtype.type(sigma * sigma)
    if inside is None and outside is None:
        _losses(x, y, square, parts)
    else:
        _weighted_losses(x, y, _given(inside, x), _given(outside, x), square, parts)
    total[0] = parts.sum()


def smooth_l1_grad(x, y, inside, outside, sigma, factor, dx):
    """See ``ops.smooth_l1.smooth_l1_grad``."""
    square, factor = x.dtype.type(sigma * sigma), x.dtype.type(factor)
    if inside is None and outside is None:
        _slopes(x, y, square, factor, dx)
    else:
        _weighted_slopes(x, y, _given(inside, x), _given(outside, x), square, factor, dx)


def _given(weights, x):
    """A weight for every element, or one for all: one kernel serves both."""
    return np.ones(1, x.dtype) if weights is None else weights


@helper
def _at(weights, i):
    return weights[np.int64(i) if weights.size > 1 else 0]


@kernel
def _losses(x, y, square, parts):
    half, bound = x.dtype.type(0.5), x.dtype.type(1) / square
    for task in prange(parts.size):
        first, stop = task * TASK, min((task + 1) * TASK, x.size)
        a, b, total = x[first:stop], y[first:stop], 0.0
        for i in range(a.size):
            size = abs(a[i] - b[i])
            near = bound if size > bound else size  # NaN stays
            total += np.float64(square * near * (size - half * near))
        parts[task] = total


@kernel
def _weighted_losses(x, y, inside, outside, square, parts):
    for task in prange(parts.size):
        total = 0.0
        for i in range(task * TASK, min((task + 1) * TASK, x.size)):
            d = _at(inside, i) * (x[i] - y[i])
            size = abs(d)
            if size < 1 / square:
                lost = x.dtype.type(0.5) * square * d * d
            else:
                lost = size - x.dtype.type(0.5) / square
            total += _at(outside, i) * lost
        parts[task] = total


@kernel
def _slopes(x, y, square, factor, dx):
    one, bound = x.dtype.type(1), x.dtype.type(1) / square
    for i in prange(x.size):
        d = x[i] - y[i]
        slope = one if d >= bound else square * d
        slope = -one if d <= -bound else slope
        dx[i] = slope * factor


@kernel
def _weighted_slopes(x, y, inside, outside, square, factor, dx):
    for i in prange(x.size):
        inner = _at(inside, i)
        d = inner * (x[i] - y[i])
        slope = square * d if abs(d) < 1 / square else np.sign(d)
        dx[i] = slope * factor * inner * _at(outside, i)
