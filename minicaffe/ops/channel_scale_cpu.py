"""Compiled bodies of ``ops.channel_scale``: threads share out stretches of the positions."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.numba_cpu import kernel, prange

_STRETCH = 256  # positions whose factors and sums stay in the nearest cache


def channel_scale(x, a, y):
    """``channel_scale.channel_scale``."""
    if x.shape[2] == 1:  # the channels lie side by side
        _scale_rows(x.reshape(x.shape[:2]), a.reshape(-1), y.reshape(x.shape[:2]))
    else:
        _scale(x, a, y, -(-x.shape[2] // _STRETCH))


def channel_scale_grad(x, a, dy, dx, da):
    """``channel_scale.channel_scale_grad``."""
    if dx is not None:
        channel_scale(dy, a, dx)
    if da is not None and x.shape[2] == 1:
        _sum_rows(x.reshape(x.shape[:2]), dy.reshape(x.shape[:2]), da.reshape(-1))
    elif da is not None:
        _sum(x, dy, da, -(-x.shape[2] // _STRETCH))


@kernel
def _scale_rows(x, a, y):
    for n in prange(len(x)):
        row, factor, out = x[n], a[n], y[n]
        for i in range(row.size):
            out[i] = row[i] * factor


@kernel
def _scale(x, a, y, stretches):
    for task in prange(len(x) * stretches):
        n, first = task // stretches, task % stretches * _STRETCH
        factors = a[n, first : first + _STRETCH]
        for c in range(x.shape[1]):
            row, out = x[n, c, first : first + _STRETCH], y[n, c, first : first + _STRETCH]
            for i in range(row.size):
                out[i] = row[i] * factors[i]


@kernel
def _sum_rows(x, dy, da):
    for n in prange(len(x)):
        row, grad, total = x[n], dy[n], 0.0
        for i in range(row.size):
            total += np.float64(grad[i]) * np.float64(row[i])
        da[n] = total


@kernel
def _sum(x, dy, da, stretches):
    for task in prange(len(x) * stretches):
        n, first = task // stretches, task % stretches * _STRETCH
        total = da[n, first : first + _STRETCH]
        sums = np.zeros(total.size)
        for c in range(x.shape[1]):
            row, grad = x[n, c, first : first + _STRETCH], dy[n, c, first : first + _STRETCH]
            for i in range(row.size):
                sums[i] += np.float64(grad[i]) * np.float64(row[i])
        for i in range(total.size):
            total[i] = sums[i]
