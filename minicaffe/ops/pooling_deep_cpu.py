"""Pooling over three spatial axes for the CPU, and random pooling over up to three.

Plain loops over (planes, depth, height, width): windows with a depth are rare, and have many
elements, so that what the vector forms of two axes save matters less.

In the kernels ``k``, ``s`` and ``p`` before d, h and w are kernel, stride and pad of that axis.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.dropout_cpu import _philox_block
from minicaffe.ops.numba_cpu import inner, kernel, prange
from minicaffe.ops.pooling import LOWEST, Window, Windows

WHOLE = Window(1, 1, 1, 0, False, False)  # of an axis of length 1
_BLOCK = 256  # counts of the generator at a time


def numbers(windows: Windows) -> tuple[int, ...]:
    """Kernels, strides and pads, each for D, H and W, where fewer are given from the last on."""
    three = [WHOLE] * (3 - len(windows)) + list(windows)
    return (
        *(window.kernel for window in three),
        *(window.stride for window in three),
        *(window.pad for window in three),
    )


@kernel
def fill_uniform(to, low, high, shares):
    """The numbers of ``pooling._uniform``, for the two halves of a key."""
    blocks = (to.size + 4 * _BLOCK - 1) // (4 * _BLOCK)
    for t in prange(shares):
        words = np.empty((4, _BLOCK), np.uint32)
        for block in range(blocks * t // shares, blocks * (t + 1) // shares):
            _philox_block(words, block * _BLOCK, low, high)
            out = to[block * 4 * _BLOCK : (block + 1) * 4 * _BLOCK]
            for i in range(out.size):
                out[i] = (np.float64(words[i % 4, i // 4]) + 1) / 4294967296


@inner
def _cut(i, kernel, stride, pad, size):
    """Window ``i`` on one axis: first and last + 1 in the input, and its length with the pad."""
    start = i * stride - pad
    return max(start, 0), min(start + kernel, size), min(start + kernel, size + pad) - start


@kernel
def max_pool(x, y, index, kd, kh, kw, sd, sh, sw, pd, ph, pw):
    """``pooling.max_pool``."""
    depth, height, width = x.shape[1:]
    for plane in prange(len(x)):
        for a, b, c in np.ndindex(y.shape[1:]):
            d0, d1, _ = _cut(a, kd, sd, pd, depth)
            h0, h1, _ = _cut(b, kh, sh, ph, height)
            w0, w1, _ = _cut(c, kw, sw, pw, width)
            best, at = x.dtype.type(LOWEST), -1
            for d in range(d0, d1):
                for h in range(h0, h1):
                    for w in range(w0, w1):
                        if x[plane, d, h, w] > best:
                            best, at = x[plane, d, h, w], (d * height + h) * width + w
            y[plane, a, b, c], index[plane, a, b, c] = best, at


@kernel
def average_pool(x, y, kd, kh, kw, sd, sh, sw, pd, ph, pw):
    """``pooling.average_pool``."""
    depth, height, width = x.shape[1:]
    for plane in prange(len(x)):
        for a, b, c in np.ndindex(y.shape[1:]):
            d0, d1, deep = _cut(a, kd, sd, pd, depth)
            h0, h1, high = _cut(b, kh, sh, ph, height)
            w0, w1, wide = _cut(c, kw, sw, pw, width)
            total = x.dtype.type(0)
            for d in range(d0, d1):
                for h in range(h0, h1):
                    for w in range(w0, w1):
                        total += x[plane, d, h, w]
            y[plane, a, b, c] = total / (deep * high * wide)


@kernel
def average_pool_grad(dy, dx, kd, kh, kw, sd, sh, sw, pd, ph, pw):
    """``pooling.average_pool_grad``."""
    depth, height, width = dx.shape[1:]
    for plane in prange(len(dx)):
        dx[plane] = 0
        for a, b, c in np.ndindex(dy.shape[1:]):
            d0, d1, deep = _cut(a, kd, sd, pd, depth)
            h0, h1, high = _cut(b, kh, sh, ph, height)
            w0, w1, wide = _cut(c, kw, sw, pw, width)
            share = dy[plane, a, b, c] / dy.dtype.type(deep * high * wide)
            for d in range(d0, d1):
                for h in range(h0, h1):
                    for w in range(w0, w1):
                        dx[plane, d, h, w] += share


@inner
def _weights(x, plane, d0, d1, h0, h1, w0, w1):
    """Of what is positive in a window, the sum and the sum of squares."""
    total, squares = 0.0, 0.0
    for d in range(d0, d1):
        for h in range(h0, h1):
            for w in range(w0, w1):
                value = np.float64(x[plane, d, h, w])
                if value > 0:
                    total += value
                    squares += value * value
    return total, squares


@kernel
def stochastic_pool(x, y, index, chance, kd, kh, kw, sd, sh, sw, pd, ph, pw):
    """``pooling.stochastic_pool``."""
    depth, height, width = x.shape[1:]
    for plane in prange(len(x)):
        each = plane * (y.size // len(y))
        for a, b, c in np.ndindex(y.shape[1:]):
            d0, d1, _ = _cut(a, kd, sd, pd, depth)
            h0, h1, _ = _cut(b, kh, sh, ph, height)
            w0, w1, _ = _cut(c, kw, sw, pw, width)
            total, _ = _weights(x, plane, d0, d1, h0, h1, w0, w1)
            limit, before = chance[each] * total, 0.0
            drawn, at = x[plane, d0, h0, w0], (d0 * height + h0) * width + w0
            for d in range(d0, d1):
                for h in range(h0, h1):
                    for w in range(w0, w1):
                        value = x[plane, d, h, w]
                        if value > 0:
                            if before < limit:  # the last that is reached is drawn
                                drawn, at = value, (d * height + h) * width + w
                            before += value
            y[plane, a, b, c], index[plane, a, b, c] = drawn, at
            each += 1


@kernel
def weighted_pool(x, y, kd, kh, kw, sd, sh, sw, pd, ph, pw):
    """``pooling.weighted_pool``."""
    depth, height, width = x.shape[1:]
    for plane in prange(len(x)):
        for a, b, c in np.ndindex(y.shape[1:]):
            d0, d1, _ = _cut(a, kd, sd, pd, depth)
            h0, h1, _ = _cut(b, kh, sh, ph, height)
            w0, w1, _ = _cut(c, kw, sw, pw, width)
            total, squares = _weights(x, plane, d0, d1, h0, h1, w0, w1)
            y[plane, a, b, c] = squares / total if total > 0 else 0


@kernel
def weighted_pool_grad(x, dy, dx, kd, kh, kw, sd, sh, sw, pd, ph, pw):
    """``pooling.weighted_pool_grad``."""
    depth, height, width = x.shape[1:]
    for plane in prange(len(dx)):
        dx[plane] = 0
        for a, b, c in np.ndindex(dy.shape[1:]):
            d0, d1, _ = _cut(a, kd, sd, pd, depth)
            h0, h1, _ = _cut(b, kh, sh, ph, height)
            w0, w1, _ = _cut(c, kw, sw, pw, width)
            total, squares = _weights(x, plane, d0, d1, h0, h1, w0, w1)
            if not total > 0:
                continue
            share, mean = np.float64(dy[plane, a, b, c]) / total, squares / total
            for d in range(d0, d1):
                for h in range(h0, h1):
                    for w in range(w0, w1):
                        if x[plane, d, h, w] >= 0:
                            dx[plane, d, h, w] += share * (2 * x[plane, d, h, w] - mean)
