"""Compiled bodies of ``ops.normalize``.

Channels of an item are shared out; sums over the channels of each position are taken by stretches
of positions. How many parts a sum has depends on the shape alone: any number of threads gives the
same.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.normalize import inverse
from minicaffe.ops.numba_cpu import kernel, prange

_STRETCH = 256  # positions whose sums stay in the nearest cache
_ONE = np.ones(1)


def normalize(x, factor, y, norm, eps):
    """``normalize.normalize``."""
    norm[...] = np.sqrt(_sums(x, x, _ONE, norm) + eps)
    _scale(x, factor, inverse(np, norm), y)


def normalize_grad(x, factor, dy, norm, dx, dfactor):
    """``normalize.normalize_grad``."""
    over = inverse(np, norm)
    if dx is not None:
        along = _sums(dy, x, factor, norm)
        _gradient(x, factor, dy, over, (along * over * over).astype(x.dtype), dx)
    if dfactor is not None:
        shares = np.empty(x.shape[:2])
        _shares(x, dy, over, shares)
        shares = shares.sum(axis=0)
        dfactor += shares if len(dfactor) == len(shares) else shares.sum()


def _sums(a, b, factor, norm):
    """float64, as ``norm``: the sums of ``factor a b`` over what it is the length of."""
    if norm.shape[1] == a.shape[2]:
        total = np.empty(norm.shape)
        _position_sums(a, b, factor, total)
        return total
    parts = np.empty(a.shape[:2])
    _channel_sums(a, b, factor, parts)
    return parts.sum(axis=1, keepdims=True)


@kernel
def _position_sums(a, b, factor, total):
    count, channels, size = a.shape
    stretches = -(-size // _STRETCH)
    for task in prange(count * stretches):
        n, first = task // stretches, task % stretches * _STRETCH
        sums = total[n, first : min(first + _STRETCH, size)]
        sums[:] = 0
        for c in range(channels):
            f = np.float64(factor[c if factor.size > 1 else 0])
            left, right = a[n, c, first : first + sums.size], b[n, c, first : first + sums.size]
            for i in range(sums.size):
                sums[i] += f * np.float64(left[i]) * np.float64(right[i])


@kernel
def _channel_sums(a, b, factor, parts):
    for task in prange(parts.size):
        n, c = task // parts.shape[1], task % parts.shape[1]
        left, right, total = a[n, c], b[n, c], 0.0
        for i in range(left.size):
            total += np.float64(left[i]) * np.float64(right[i])
        parts[n, c] = total * factor[c if factor.size > 1 else 0]


@kernel
def _scale(x, factor, over, y):
    count, channels, size = x.shape
    whole = over.shape[1] != size
    for task in prange(count * channels):
        n, c = task // channels, task % channels
        row, out, f = x[n, c], y[n, c], factor[c if factor.size > 1 else 0]
        if whole:
            f *= over[n, 0]
            for i in range(size):
                out[i] = row[i] * f
        else:
            line = over[n]
            for i in range(size):
                out[i] = row[i] * f * line[i]


@kernel
def _gradient(x, factor, dy, over, along, dx):
    count, channels, size = x.shape
    whole = over.shape[1] != size
    for task in prange(count * channels):
        n, c = task // channels, task % channels
        row, grad, out = x[n, c], dy[n, c], dx[n, c]
        f = factor[c if factor.size > 1 else 0]
        if whole:
            less, by = along[n, 0], over[n, 0]
            for i in range(size):
                out[i] = (grad[i] * f - row[i] * less) * by
        else:
            lesses, bys = along[n], over[n]
            for i in range(size):
                out[i] = (grad[i] * f - row[i] * lesses[i]) * bys[i]


@kernel
def _shares(x, dy, over, shares):
    size = x.shape[2]
    whole = over.shape[1] != size
    for task in prange(shares.size):
        n, c = task // shares.shape[1], task % shares.shape[1]
        row, grad, line, total = x[n, c], dy[n, c], over[n], 0.0
        if whole:
            for i in range(size):
                total += np.float64(grad[i]) * row[i]
            total *= line[0]
        else:
            for i in range(size):
                total += np.float64(grad[i]) * row[i] * line[i]
        shares[n, c] = total
