"""Compiled bodies of ``ops.ensemble_pool``, for up to three spatial axes; more run the reference.

Planes are independent, so threads share them out.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops import ensemble_pool as ops
from minicaffe.ops.dropout import WORD
from minicaffe.ops.numba_cpu import inner, kernel, prange, threads
from minicaffe.ops.pooling import LOWEST
from minicaffe.ops.pooling_deep_cpu import fill_uniform, numbers
from minicaffe.ops.scratch_cpu import scratch


def two_largest(x, y, index, z, second, windows):
    """``ensemble_pool.two_largest``."""
    if len(windows) > 3:
        ops.two_largest.reference(np, x, y, index, z, second, windows)
        return
    arrays = map(_solids, (x, y, index, z, second))
    _pool(*arrays, np.empty(0), 1.0, *numbers(windows))


def ensemble_pool(x, y, index, windows, probability, key):
    """``ensemble_pool.ensemble_pool``."""
    if len(windows) > 3:
        ops.ensemble_pool.reference(np, x, y, index, windows, probability, key)
        return
    chance = scratch(y.size, np.dtype(np.float64))
    fill_uniform(chance, np.uint32(key & WORD), np.uint32(key >> 32), threads())
    x, y, index = map(_solids, (x, y, index))
    _pool(x, y, index, y[:0], index[:0], chance, float(probability), *numbers(windows))


def _solids(x):
    """(N * C, depth, height, width); of fewer axes the first have length 1."""
    sizes = x.shape[2:]
    return x.reshape(x.shape[0] * x.shape[1], *[1] * (3 - len(sizes)), *sizes)


@inner
def _ends(i, kernel, stride, pad, size):
    start = i * stride - pad
    return max(start, 0), min(start + kernel, size)


@inner
def _compare(row, base, first, step, best, at, other, other_at):
    """Let the element ``first + step * c`` of ``row`` take its place in window c."""
    for c in range(best.size):
        value, here = row[first + step * c], np.int32(base + first + step * c)
        larger, between = value > best[c], value > other[c]
        other_at[c] = at[c] if larger else (here if between else other_at[c])
        other[c] = best[c] if larger else (value if between else other[c])
        at[c] = here if larger else at[c]
        best[c] = value if larger else best[c]


@kernel
def _pool(x, y, index, z, second, chance, probability, kd, kh, kw, sd, sh, sw, pd, ph, pw):
    """Both where there is no ``chance``, else one of them; the windows of a row side by side."""
    depth, height, width = x.shape[1:]
    outs = y.shape[3]
    draws = chance.size > 0
    for plane in prange(len(x)):
        best, other = np.empty(outs, x.dtype), np.empty(outs, x.dtype)
        at, other_at = np.empty(outs, np.int32), np.empty(outs, np.int32)
        each = plane * (y.size // len(y))
        for a in range(y.shape[1]):
            d0, d1 = _ends(a, kd, sd, pd, depth)
            for b in range(y.shape[2]):
                h0, h1 = _ends(b, kh, sh, ph, height)
                best[:] = LOWEST
                other[:] = LOWEST
                at[:] = -1
                other_at[:] = -1
                for d in range(d0, d1):
                    for h in range(h0, h1):
                        for i in range(kw):
                            low = max(0, (pw - i + sw - 1) // sw)
                            high = min(outs, (width - 1 - i + pw) // sw + 1)
                            if low < high:
                                _compare(
                                    x[plane, d, h],
                                    (d * height + h) * width,
                                    low * sw - pw + i,
                                    sw,
                                    best[low:high],
                                    at[low:high],
                                    other[low:high],
                                    other_at[low:high],
                                )
                for c in range(outs):
                    alone = other_at[c] < 0
                    value = best[c] if alone else other[c]
                    place = at[c] if alone else other_at[c]
                    if draws:
                        takes_other = chance[each] > probability
                        y[plane, a, b, c] = value if takes_other else best[c]
                        index[plane, a, b, c] = place if takes_other else at[c]
                        each += 1
                    else:
                        y[plane, a, b, c], index[plane, a, b, c] = best[c], at[c]
                        z[plane, a, b, c], second[plane, a, b, c] = value, place
