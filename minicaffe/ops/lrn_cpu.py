"""Local response normalization for the CPU.

The squares in a window are added up afresh for every element, not carried along: what a running
sum saves is less than the memory traffic, and it would lose digits behind a large element, and
spread an infinity over all that follows it.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.numba_cpu import inner, kernel, prange, threads


def lrn(
    x: Array,
    y: Array,
    scale: Array,
    axes: tuple[int, ...],
    size: int,
    alpha: float,
    beta: float,
    k: float,
) -> None:
    """``lrn.lrn``."""
    number = x.dtype.type
    alpha, beta, k = number(alpha / size ** len(axes)), number(beta), number(k)
    if axes == (1,):
        _across(*map(_rows, (x, y, scale)), size, alpha, beta, k, threads())
    else:
        _within(*map(_planes, (x, y, scale)), size, alpha, beta, k, threads())


def lrn_grad(
    x: Array,
    y: Array,
    scale: Array,
    dy: Array,
    dx: Array,
    axes: tuple[int, ...],
    size: int,
    alpha: float,
    beta: float,
) -> None:
    """``lrn.lrn_grad``."""
    number = x.dtype.type
    factor, beta = number(2 * alpha * beta / size ** len(axes)), number(beta)
    if axes == (1,):
        _across_grad(*map(_rows, (x, y, scale, dy, dx)), size, factor, beta, threads())
    else:
        _within_grad(*map(_planes, (x, y, scale, dy, dx)), size, factor, beta, threads())


def _rows(a: Array) -> Array:
    """(N, C, H * W)."""
    n, c, h, w = a.shape
    return a.reshape(n, c, h * w)


def _planes(a: Array) -> Array:
    """(N * C, H, W)."""
    n, c, h, w = a.shape
    return a.reshape(n * c, h, w)


@inner
def _times_power(out, a, scale, beta):
    """out = a * scale^-beta, on rows; two square roots are faster than a power, and as exact."""
    if beta == 0.75:
        for i in range(out.size):
            root = np.sqrt(scale[i])
            out[i] = a[i] / (root * np.sqrt(root))
    else:
        for i in range(out.size):
            out[i] = a[i] * scale[i] ** -beta


@inner
def _is_usual(c, channels, size, beta):
    """Whether a window is whole and what people use: there one pass does everything."""
    return size == 5 and beta == 0.75 and c >= 2 and c + 2 < channels


@inner
def _usual(a, b, x, d, e, y, scale, alpha, k):
    """A row of ``_across``, of the five around it."""
    for i in range(x.size):
        total = x[i] * x[i] + a[i] * a[i] + b[i] * b[i] + d[i] * d[i] + e[i] * e[i]
        scale[i] = k + alpha * total
        root = np.sqrt(k + alpha * total)
        y[i] = x[i] / (root * np.sqrt(root))


@inner
def _across_channels(x, y, scale, n, first, last, size, alpha, beta, k):
    for c in range(first, last):
        if _is_usual(c, x.shape[1], size, beta):
            rows = x[n, c - 2], x[n, c - 1], x[n, c], x[n, c + 1], x[n, c + 2]
            _usual(*rows, y[n, c], scale[n, c], alpha, k)
            continue
        for i in range(x.shape[2]):
            scale[n, c, i] = x[n, c, i] * x[n, c, i]
        for e in range(max(0, c - size // 2), min(x.shape[1], c + size // 2 + 1)):
            if e != c:
                for i in range(x.shape[2]):
                    scale[n, c, i] += x[n, e, i] * x[n, e, i]
        for i in range(x.shape[2]):
            scale[n, c, i] = k + alpha * scale[n, c, i]
        _times_power(y[n, c], x[n, c], scale[n, c], beta)


@kernel
def _across(x, y, scale, size, alpha, beta, k, shares):
    """Each image's channels are cut into ``shares``, so that one image has work for all."""
    channels = x.shape[1]
    for task in prange(len(x) * shares):
        n, t = task // shares, task % shares
        first, last = channels * t // shares, channels * (t + 1) // shares
        _across_channels(x, y, scale, n, first, last, size, alpha, beta, k)


@inner
def _usual_grad(x, scale, dy, dx, ratios, factor):
    """A row of ``_across_grad``; ratios (5, plane) of the five around it, in any order."""
    a, b, c, d, e = ratios[0], ratios[1], ratios[2], ratios[3], ratios[4]
    for i in range(x.size):
        total = a[i] + b[i] + c[i] + d[i] + e[i]
        root = np.sqrt(scale[i])
        dx[i] = dy[i] / (root * np.sqrt(root)) - factor * x[i] * total


@inner
def _across_channels_grad(x, y, scale, dy, dx, n, first, last, size, factor, beta):
    channels, plane = x.shape[1:]
    half = size // 2
    ratios = np.empty((size, plane), x.dtype)  # dy y / scale of the channels around c
    sums = np.empty(plane, x.dtype)
    done = max(0, first - half)
    for c in range(first, last):
        low, high = max(0, c - half), min(channels, c + half + 1)
        for e in range(done, high):
            ratio = ratios[e % size]
            for i in range(plane):
                ratio[i] = dy[n, e, i] * y[n, e, i] / scale[n, e, i]
        done = high
        if _is_usual(c, channels, size, beta):
            _usual_grad(x[n, c], scale[n, c], dy[n, c], dx[n, c], ratios, factor)
            continue
        sums[:] = 0
        for e in range(low, high):
            ratio = ratios[e % size]
            for i in range(plane):
                sums[i] += ratio[i]
        _times_power(dx[n, c], dy[n, c], scale[n, c], beta)
        for i in range(plane):
            dx[n, c, i] -= factor * x[n, c, i] * sums[i]


@kernel
def _across_grad(x, y, scale, dy, dx, size, factor, beta, shares):
    channels = x.shape[1]
    for task in prange(len(x) * shares):
        n, t = task // shares, task % shares
        first, last = channels * t // shares, channels * (t + 1) // shares
        _across_channels_grad(x, y, scale, dy, dx, n, first, last, size, factor, beta)


@inner
def _window_sums(plane, sums, padded, size, h):
    """sums = row h of the window sums of plane (H, W); padded (W + size - 1) has zero edges."""
    height, width = plane.shape
    half = size // 2
    column = padded[half : half + width]
    column[:] = 0
    for e in range(max(0, h - half), min(height, h + half + 1)):
        for w in range(width):
            column[w] += plane[e, w]
    sums[:] = 0
    for offset in range(size):
        for w in range(width):
            sums[w] += padded[offset + w]


@inner
def _within_planes(x, y, scale, first, last, size, alpha, beta, k):
    height, width = x.shape[1:]
    squares = np.empty((height, width), x.dtype)
    padded = np.zeros(width + size - 1, x.dtype)
    for p in range(first, last):
        for h in range(height):
            for w in range(width):
                squares[h, w] = x[p, h, w] * x[p, h, w]
        for h in range(height):
            _window_sums(squares, scale[p, h], padded, size, h)
            for w in range(width):
                scale[p, h, w] = k + alpha * scale[p, h, w]
            _times_power(y[p, h], x[p, h], scale[p, h], beta)


@kernel
def _within(x, y, scale, size, alpha, beta, k, shares):
    for t in prange(shares):
        first, last = len(x) * t // shares, len(x) * (t + 1) // shares
        _within_planes(x, y, scale, first, last, size, alpha, beta, k)


@inner
def _within_planes_grad(x, y, scale, dy, dx, first, last, size, factor, beta):
    height, width = x.shape[1:]
    ratios = np.empty((height, width), x.dtype)
    padded = np.zeros(width + size - 1, x.dtype)
    sums = np.empty(width, x.dtype)
    for p in range(first, last):
        for h in range(height):
            for w in range(width):
                ratios[h, w] = dy[p, h, w] * y[p, h, w] / scale[p, h, w]
        for h in range(height):
            _window_sums(ratios, sums, padded, size, h)
            _times_power(dx[p, h], dy[p, h], scale[p, h], beta)
            for w in range(width):
                dx[p, h, w] -= factor * x[p, h, w] * sums[w]


@kernel
def _within_grad(x, y, scale, dy, dx, size, factor, beta, shares):
    for t in prange(shares):
        first, last = len(x) * t // shares, len(x) * (t + 1) // shares
        _within_planes_grad(x, y, scale, dy, dx, first, last, size, factor, beta)
