"""Pooling for the CPU: planes are independent, so threads share them out.

Here are one and two spatial axes, ``pooling_deep_cpu`` has three, and more run the reference.

Maxima: the windows people use (2x2 stride 2, 3x3 stride 1 or 2) are written out, and inside the
row vectorise; the rest, and windows that hang over the left or right edge, are plain loops. Where
it can, ``pooling_lanes_cpu`` is faster. Means are in ``pooling_mean_cpu``.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

from math import prod

import numpy as np

from minicaffe.device import Array
from minicaffe.ops import pooling as ops
from minicaffe.ops import pooling_deep_cpu as deep
from minicaffe.ops import pooling_lanes_cpu as lanes
from minicaffe.ops import pooling_mean_cpu as means
from minicaffe.ops.dropout import WORD
from minicaffe.ops.numba_cpu import inner, kernel, prange, threads
from minicaffe.ops.pooling import LOWEST, Windows
from minicaffe.ops.scratch_cpu import scratch


def max_pool(x: Array, y: Array, index: Array | None, windows: Windows) -> None:
    """``pooling.max_pool``."""
    halving = len(windows) == 2 and all(
        w.kernel == w.stride == 2 and not w.pad and not w.size % 2 for w in windows
    )
    if lanes.can(x, windows) and not halving:  # there plain loops are as fast
        lanes.max_pool(x, y, index, windows)
        return
    if index is None:
        index = scratch(y.size, np.dtype(np.int32)).reshape(y.shape)
    if len(windows) == 3:
        deep.max_pool(*map(_planes, (x, y, index)), *deep.numbers(windows))
    elif len(windows) > 3:
        ops.max_pool.reference(np, x, y, index, windows)
    elif halving:
        _max_pool_halving(*map(_planes, (x, y, index)))
    else:
        _max_pool(*map(_planes, (x, y, index)), *_numbers(windows))


def max_pool_grad(dy: Array, index: Array, dx: Array, windows: Windows) -> None:
    """``pooling.max_pool_grad``."""
    _scatter(_flat_planes(dy), _flat_planes(index), _flat_planes(dx))


def average_pool(x: Array, y: Array, windows: Windows) -> None:
    """``pooling.average_pool``."""
    if _is_global(windows):
        means.mean(_flat_planes(x), y.reshape(-1))
    elif len(windows) == 3:
        deep.average_pool(_planes(x), _planes(y), *deep.numbers(windows))
    elif len(windows) > 3:
        ops.average_pool.reference(np, x, y, windows)
    else:
        means.average_pool(_planes(x), _planes(y), *_numbers(windows), threads())


def average_pool_grad(dy: Array, dx: Array, windows: Windows) -> None:
    """``pooling.average_pool_grad``."""
    if _is_global(windows):
        means.mean_grad(dy.reshape(-1), _flat_planes(dx))
    elif len(windows) == 3:
        deep.average_pool_grad(_planes(dy), _planes(dx), *deep.numbers(windows))
    elif len(windows) > 3:
        ops.average_pool_grad.reference(np, dy, dx, windows)
    else:
        means.average_pool_grad(_planes(dy), _planes(dx), *_numbers(windows), threads())


def stochastic_pool(x: Array, y: Array, index: Array, windows: Windows, key: int) -> None:
    """``pooling.stochastic_pool``."""
    if len(windows) > 3:
        ops.stochastic_pool.reference(np, x, y, index, windows, key)
        return
    chance = scratch(y.size, np.dtype(np.float64))
    deep.fill_uniform(chance, np.uint32(key & WORD), np.uint32(key >> 32), threads())
    arrays = (_solids(a) for a in (x, y, index))
    deep.stochastic_pool(*arrays, chance, *deep.numbers(windows))


def weighted_pool(x: Array, y: Array, windows: Windows) -> None:
    """``pooling.weighted_pool``."""
    if len(windows) > 3:
        ops.weighted_pool.reference(np, x, y, windows)
    else:
        deep.weighted_pool(_solids(x), _solids(y), *deep.numbers(windows))


def weighted_pool_grad(x: Array, dy: Array, dx: Array, windows: Windows) -> None:
    """``pooling.weighted_pool_grad``."""
    if len(windows) > 3:
        ops.weighted_pool_grad.reference(np, x, dy, dx, windows)
    else:
        deep.weighted_pool_grad(*map(_solids, (x, dy, dx)), *deep.numbers(windows))


def _planes(x: Array) -> Array:
    """(N * C, sizes); one spatial axis as two, the first of length 1."""
    sizes = x.shape[2:] if len(x.shape) > 3 else (1, *x.shape[2:])
    return x.reshape(x.shape[0] * x.shape[1], *sizes)


def _solids(x: Array) -> Array:
    """(N * C, depth, height, width); of fewer axes the first have length 1."""
    sizes = x.shape[2:]
    return x.reshape(x.shape[0] * x.shape[1], *[1] * (3 - len(sizes)), *sizes)


def _flat_planes(x: Array) -> Array:
    return x.reshape(x.shape[0] * x.shape[1], prod(x.shape[2:]))


def _two(windows: Windows) -> Windows:
    return windows if len(windows) == 2 else (deep.WHOLE, *windows)


def _is_global(windows: Windows) -> bool:
    """Whether there is one window, of the whole plane."""
    return all(w.kernel == w.size and w.out == 1 and not w.pad for w in windows)


def _numbers(windows: Windows) -> tuple[int, ...]:
    """Kernels, strides and pads, each for H then W."""
    h, w = _two(windows)
    return h.kernel, w.kernel, h.stride, w.stride, h.pad, w.pad


@inner
def _larger(value, position, best, index):
    larger = value > best
    return value if larger else best, position if larger else index


@inner
def _window_of_2(x, p, h, w):
    best, index = x.dtype.type(LOWEST), np.int32(-1)
    for j in range(2):
        best, index = _larger(x[p, h, w + j], np.int32(h * x.shape[2] + w + j), best, index)
    for j in range(2):
        at = np.int32((h + 1) * x.shape[2] + w + j)
        best, index = _larger(x[p, h + 1, w + j], at, best, index)
    return best, index


@inner
def _window_of_3(x, p, top, middle, bottom, w):
    best, index = x.dtype.type(LOWEST), np.int32(-1)
    for j in range(3):
        best, index = _larger(x[p, top, w + j], np.int32(top * x.shape[2] + w + j), best, index)
    for j in range(3):
        at = np.int32(middle * x.shape[2] + w + j)
        best, index = _larger(x[p, middle, w + j], at, best, index)
    for j in range(3):
        at = np.int32(bottom * x.shape[2] + w + j)
        best, index = _larger(x[p, bottom, w + j], at, best, index)
    return best, index


@inner
def _any_window(x, p, top, bottom, left, right):
    best, index = x.dtype.type(LOWEST), np.int32(-1)
    for h in range(top, bottom + 1):
        for w in range(max(left, 0), min(right, x.shape[2])):
            best, index = _larger(x[p, h, w], np.int32(h * x.shape[2] + w), best, index)
    return best, index


@kernel
def _max_pool_halving(x, y, index):
    for p in prange(len(y)):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                y[p, i, j], index[p, i, j] = _window_of_2(x, p, 2 * i, 2 * j)


@inner
def _max_pool_plane(x, y, index, p, kh, kw, sh, sw, ph, pw):
    height, width = x.shape[1:]
    outs = y.shape[2]
    unrolled = kh == 3 and kw == 3 and (sw == 1 or sw == 2)
    left = right = 0
    if unrolled:  # windows [left, right) of a row lie inside it
        left = min(outs, (pw + sw - 1) // sw)
        right = max(left, min(outs, (width + pw - kw) // sw + 1))
    left, skip = max(left, 0), max(left * sw - pw, 0)
    for i in range(y.shape[1]):
        start = i * sh - ph
        # rows are clipped to the input: a row met twice changes no maximum, nor its index
        top, bottom = max(start, 0), max(0, min(start + kh - 1, height - 1))
        middle = min(max(start + 1, 0), height - 1)
        for j in range(left):
            w = j * sw - pw
            y[p, i, j], index[p, i, j] = _any_window(x, p, top, bottom, w, w + kw)
        if unrolled and sw == 2:
            for j in range(right - left):
                y[p, i, left + j], index[p, i, left + j] = _window_of_3(
                    x, p, top, middle, bottom, skip + 2 * j
                )
        elif unrolled:
            for j in range(right - left):
                y[p, i, left + j], index[p, i, left + j] = _window_of_3(
                    x, p, top, middle, bottom, skip + j
                )
        for j in range(right, outs):
            w = j * sw - pw
            y[p, i, j], index[p, i, j] = _any_window(x, p, top, bottom, w, w + kw)


@kernel
def _max_pool(x, y, index, kh, kw, sh, sw, ph, pw):
    for p in prange(len(y)):
        _max_pool_plane(x, y, index, p, kh, kw, sh, sw, ph, pw)


@kernel
def _scatter(dy, index, dx):
    for p in prange(len(dx)):
        for i in range(dx.shape[1]):
            dx[p, i] = 0
        for o in range(dy.shape[1]):
            if index[p, o] >= 0:
                dx[p, index[p, o]] += dy[p, o]
