"""Average pooling for the CPU, over one or two spatial axes, and over all of a plane.

Rows of a window are added up first, contiguously, into one row that has the pad as zeros, then
along that row, so that no window needs a bounds check.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.numba_cpu import inner, kernel, prange


@kernel
def mean(x, y):
    """y (planes) = the means of x (planes, elements)."""
    factor = x.dtype.type(1 / x.shape[1])
    for p in prange(len(x)):
        total = x.dtype.type(0)
        for i in range(x.shape[1]):
            total += x[p, i]
        y[p] = total * factor


@kernel
def mean_grad(dy, dx):
    """dx (planes, elements) = dy (planes), shared out evenly."""
    factor = dx.dtype.type(1 / dx.shape[1])
    for p in prange(len(dx)):
        share = dy[p] * factor
        for i in range(dx.shape[1]):
            dx[p, i] = share


@inner
def _length(start, kernel, size, pad):
    return min(start + kernel, size + pad) - start


@inner
def _factors(y, kernel, stride, size, pad):
    """One over the length of each window along the rows."""
    factors = np.empty(y.shape[2], y.dtype)
    for j in range(factors.size):
        factors[j] = 1 / _length(j * stride - pad, kernel, size, pad)
    return factors


@inner
def _sum_along(row, y, p, i, kernel, stride):
    """y[p, i, j] = the sum of row[stride * j : stride * j + kernel]."""
    outs = y.shape[2]
    if kernel == 3 and stride == 2:
        for j in range(outs):
            y[p, i, j] = row[2 * j] + row[2 * j + 1] + row[2 * j + 2]
    elif kernel == 3 and stride == 1:
        for j in range(outs):
            y[p, i, j] = row[j] + row[j + 1] + row[j + 2]
    else:
        for j in range(outs):
            y[p, i, j] = row[stride * j]
        for offset in range(1, kernel):
            for j in range(outs):
                y[p, i, j] += row[stride * j + offset]


@inner
def _average_pool_planes(x, y, first, last, kh, kw, sh, sw, ph, pw):
    height, width = x.shape[1:]
    heights, widths = y.shape[1:]
    padded = np.zeros(max(pw + width, (widths - 1) * sw + kw), x.dtype)
    row = padded[pw : pw + width]
    factor = _factors(y, kw, sw, width, pw)
    for p in range(first, last):
        for i in range(heights):
            start = i * sh - ph
            for w in range(width):
                row[w] = x[p, max(0, start), w]
            for h in range(max(0, start) + 1, min(start + kh, height)):
                for w in range(width):
                    row[w] += x[p, h, w]
            _sum_along(padded, y, p, i, kw, sw)
            down = x.dtype.type(1 / _length(start, kh, height, ph))
            for j in range(widths):
                y[p, i, j] *= down * factor[j]


@kernel
def average_pool(x, y, kh, kw, sh, sw, ph, pw, shares):
    """``pooling.average_pool`` of (planes, H, W), in ``shares`` parts at a time."""
    for t in prange(shares):
        first, last = len(x) * t // shares, len(x) * (t + 1) // shares
        _average_pool_planes(x, y, first, last, kh, kw, sh, sw, ph, pw)


@inner
def _spread_along(part, row, kernel, stride):
    """row[stride * j : stride * j + kernel] += part[j + 1] for all j, from zeros; part[0] is 0."""
    outs = part.size - 1
    if kernel == 3 and stride == 2:
        for j in range(outs):
            row[2 * j] = part[j] + part[j + 1]
            row[2 * j + 1] = part[j + 1]
        row[2 * outs] = part[outs]
        row[2 * outs + 1 :] = 0
    else:
        row[:] = 0
        for offset in range(kernel):
            for j in range(outs):
                row[j * stride + offset] += part[j + 1]


@inner
def _average_pool_grad_planes(dy, dx, first, last, kh, kw, sh, sw, ph, pw):
    height, width = dx.shape[1:]
    heights, widths = dy.shape[1:]
    padded = np.empty(max(pw + width, (widths - 1) * sw + kw), dx.dtype)
    row = padded[pw : pw + width]
    factor = _factors(dy, kw, sw, width, pw)
    part = np.zeros(widths + 1, dx.dtype)  # behind a zero, so that each has one before it
    for p in range(first, last):
        for h in range(height):
            for w in range(width):
                dx[p, h, w] = 0
        for i in range(heights):
            start = i * sh - ph
            down = dx.dtype.type(1 / _length(start, kh, height, ph))
            for j in range(widths):
                part[j + 1] = dy[p, i, j] * (down * factor[j])
            _spread_along(part, padded, kw, sw)
            for h in range(max(0, start), min(start + kh, height)):
                for w in range(width):
                    dx[p, h, w] += row[w]


@kernel
def average_pool_grad(dy, dx, kh, kw, sh, sw, ph, pw, shares):
    """The gradient of ``average_pool``; dx (planes, H, W) is written."""
    for t in prange(shares):
        first, last = len(dx) * t // shares, len(dx) * (t + 1) // shares
        _average_pool_grad_planes(dy, dx, first, last, kh, kw, sh, sw, ph, pw)
