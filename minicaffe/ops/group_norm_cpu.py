"""Compiled bodies of ``ops.group_norm``.

A row belongs to one thread, and is short enough to stay in a cache for the three times that it is
passed over: for the mean, for the variance, for the result. Sums are in float64.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.numba_cpu import inner, kernel, prange


def group_norm(x, y, mean, std, eps):
    """``group_norm.group_norm``."""
    _group_norm(x, y, mean, std, eps)


def group_norm_grad(x, dy, dx, mean, std):
    """``group_norm.group_norm_grad``."""
    _group_norm_grad(x, dy, dx, mean, std)


@inner
def _mean(row):
    total = 0.0
    for i in range(row.size):
        total += np.float64(row[i])
    return total / row.size


@inner
def _variance(row, mean):
    total = 0.0
    for i in range(row.size):
        d = np.float64(row[i]) - mean
        total += d * d
    return total / row.size


@kernel
def _group_norm(x, y, mean, std, eps):
    real, one, zero = x.dtype.type, x.dtype.type(1), x.dtype.type(0)
    for r in prange(len(x)):
        row, out = x[r], y[r]
        middle = _mean(row)
        mean[r] = middle
        std[r] = np.sqrt(_variance(row, middle) + eps)
        off, over = real(middle), zero if std[r] == 0 else one / std[r]
        for i in range(row.size):
            out[i] = (row[i] - off) * over


@kernel
def _group_norm_grad(x, dy, dx, mean, std):
    real, one, zero = x.dtype.type, x.dtype.type(1), x.dtype.type(0)
    for r in prange(len(x)):
        row, grad, out = x[r], dy[r], dx[r]
        off, over = mean[r], zero if std[r] == 0 else one / std[r]
        total, along = 0.0, 0.0
        for i in range(row.size):
            g = np.float64(grad[i])
            total += g
            along += g * np.float64(row[i] - off)
        common = real(total / row.size)
        slope = real(along / row.size) * over * over
        for i in range(row.size):
            out[i] = (grad[i] - common - (row[i] - off) * slope) * over
