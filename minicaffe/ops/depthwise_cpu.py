"""Depthwise convolution for the CPU: each group has one channel, so that there is nothing to sum.

A product of matrices would be one row high. Instead a plane is copied, with its pad, into one
plane for each phase of the stride, rows and columns; of these, every element of the kernel meets
stretches without gaps. Results are computed in lines as long as those of the copy, so that the
whole plane is one loop for each element of the kernel, however small it is; what lies between
the lines' ends is left out after (forward) or zero (backward; an infinite weight or input turns
it into NaN, where the product of matrices may leave some elements infinite). What
``depthwise_lanes_cpu`` can do is faster there.

Arrays are flat in the kernels; ``p`` is the ``_Layout``, ``at`` where each kernel element starts.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

import minicaffe.ops.depthwise_lanes_cpu as lanes
from minicaffe.ops.convolution import Window
from minicaffe.ops.numba_cpu import inner, kernel, prange, threads

_BLOCK = 2048  # elements of a plane at a time: they stay in the nearest cache
_MOST_OUTPUTS = 8  # of a channel, beyond which the product of matrices is high enough


class _Layout(NamedTuple):
    h: int
    w: int
    out_h: int
    out_w: int
    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int
    phases_h: int  # as many as the kernel meets
    phases_w: int
    rows: int  # of a phase's plane
    line: int  # length of its rows, and of those in which results are computed
    span: int  # from the first result to the last
    size: int  # of all phases' planes
    outputs: int  # for each channel
    taps: int


def is_depthwise(x_shape: tuple[int, ...], w_shape: tuple[int, ...]) -> bool:
    """Whether the functions here do a convolution of x (N, C, ...) with w (O, C / groups, ...).

    That is: one or two spatial axes, several groups, one channel and few outputs in each.
    """
    channels = x_shape[1]
    few = channels > 1 and w_shape[1] == 1 and w_shape[0] <= channels * _MOST_OUTPUTS
    return few and len(w_shape) in (3, 4)


def depthwise(x, w, bias, y, window, relu=False):
    """``convolution.convolution``, for C-contiguous arrays that ``is_depthwise`` accepts."""
    if lanes.can(x.shape, w, window):
        lanes.depthwise(x, w, bias, y, window, relu)
        return
    p, at = _layout(x.shape, w.shape, window)
    bias = y.reshape(-1)[:0] if bias is None else bias
    least = y.dtype.type(0 if relu else -np.inf)
    arrays = x.reshape(-1), w.reshape(-1), bias, least, y.reshape(-1)
    _forward(*arrays, x.shape[1], p, at, threads())


def depthwise_grad(x, w, dy, dx, dw, dbias, window):
    """``convolution.convolution_grad``, for C-contiguous arrays that ``is_depthwise`` accepts."""
    image = dx if x is None else x
    if lanes.can(image.shape, w, window):
        lanes.depthwise_grad(x, w, dy, dx, dw, dbias, window)
        return
    p, at = _layout(image.shape, w.shape, window)
    images, channels, want_w = len(dy), image.shape[1], dw is not None and x is not None
    none = w.reshape(-1)[:0]
    sums = np.zeros((images, len(w), p.taps + 1) if want_w or dbias is not None else (0, 0, 0))
    x, dx = (none if a is None else a.reshape(-1) for a in (x, dx))
    if sums.size or dx.size:
        planes = images * channels
        arrays = x, w.reshape(-1), dy.reshape(-1), dx, sums
        _backward(*arrays, want_w, planes, channels, p, at, threads())
    if sums.size:
        dw = dw.reshape(-1) if want_w else none
        _collect(sums, dw, none if dbias is None else dbias, p)


@lru_cache(maxsize=1024)
def _layout(x_shape, w_shape, window):
    """The layout, and the array ``at``."""
    if len(w_shape) == 3:  # one spatial axis as two, the first of length 1
        (kernel,), (stride,), (pad,), (dilation,) = window
        window = Window((1, kernel), (1, stride), (0, pad), (1, dilation))
        x_shape, w_shape = (*x_shape[:2], 1, x_shape[2]), (*w_shape[:2], 1, w_shape[2])
    out_h, out_w = window.out(x_shape[2:])
    (reach_h, reach_w), (stride_h, stride_w) = window.extent, window.stride
    phases_h, phases_w = min(stride_h, reach_h), min(stride_w, reach_w)
    rows, line = out_h + (reach_h - 1) // stride_h, out_w + (reach_w - 1) // stride_w
    down = np.arange(window.kernel[0])[:, None] * window.dilation[0]
    along = np.arange(window.kernel[1]) * window.dilation[1]
    plane = down % stride_h * phases_w + along % stride_w
    at = (plane * rows + down // stride_h) * line + along // stride_w
    numbers = (
        *(*x_shape[2:], out_h, out_w, stride_h, stride_w, *window.pad, phases_h, phases_w),
        *(rows, line, (out_h - 1) * line + out_w, phases_h * phases_w * rows * line),
        *(w_shape[0] // x_shape[1], at.size),
    )
    return _Layout._make(numbers), at.reshape(-1)


@inner
def _columns(p, b):
    """Of column phase ``b``: its first column in the plane and in the copy, and how many."""
    first = (b - p.pad_w) % p.stride_w
    column = (first + p.pad_w) // p.stride_w
    inside = (p.w - first + p.stride_w - 1) // p.stride_w
    return first, column, max(0, min(inside, p.line - column))


@inner
def _below(p, phase, row):
    """The row phase, and the row in it, of a plane's next row."""
    return (0, row + 1) if phase + 1 == p.stride_h else (phase + 1, row)


@inner
def _spread(plane, copy, p):
    """A plane into its phases, whose pad is zero already."""
    for b in range(p.phases_w):
        first, column, count = _columns(p, b)
        phase, row = p.pad_h % p.stride_h, p.pad_h // p.stride_h
        for h in range(p.h):
            if phase < p.phases_h and row < p.rows:
                to = ((phase * p.phases_w + b) * p.rows + row) * p.line + column
                out, source = copy[to : to + count], plane[h * p.w + first :]
                if p.stride_w == 1:
                    for q in range(count):
                        out[q] = source[q]
                else:
                    for q in range(count):
                        out[q] = source[q * p.stride_w]
            phase, row = _below(p, phase, row)


@inner
def _unite(copy, plane, p):
    """The reverse: a plane from its phases; zero where the kernel never was."""
    plane[:] = 0
    for b in range(p.phases_w):
        first, column, count = _columns(p, b)
        phase, row = p.pad_h % p.stride_h, p.pad_h // p.stride_h
        for h in range(p.h):
            if phase < p.phases_h and row < p.rows:
                at = ((phase * p.phases_w + b) * p.rows + row) * p.line + column
                source, out = copy[at : at + count], plane[h * p.w + first :]
                if p.stride_w == 1:
                    for q in range(count):
                        out[q] = source[q]
                else:
                    for q in range(count):
                        out[q * p.stride_w] = source[q]
            phase, row = _below(p, phase, row)


@inner
def _correlate(copy, w, first, sums, start, at):
    """sums[q] = start + the sum over taps of w[first + tap] copy[at[tap] + q]."""
    for low in range(0, sums.size, _BLOCK):
        out = sums[low : low + _BLOCK]
        size = out.size
        out[:] = start
        tap = 0
        while tap + 2 < at.size:
            u, v, z = w[first + tap], w[first + tap + 1], w[first + tap + 2]
            a, b, c = at[tap] + low, at[tap + 1] + low, at[tap + 2] + low
            a, b, c = copy[a : a + size], copy[b : b + size], copy[c : c + size]
            for q in range(size):
                out[q] += u * a[q] + v * b[q] + z * c[q]
            tap += 3
        while tap < at.size:
            u, a = w[first + tap], copy[at[tap] + low : at[tap] + low + size]
            for q in range(size):
                out[q] += u * a[q]
            tap += 1


@kernel
def _forward(x, w, bias, least, y, channels, p, at, shares):
    planes, area, out_area = x.size // (p.h * p.w), p.h * p.w, p.out_h * p.out_w
    for t in prange(shares):
        copy, sums = np.zeros(p.size, x.dtype), np.empty(p.span, x.dtype)
        for plane in range(planes * t // shares, planes * (t + 1) // shares):
            _spread(x[plane * area : (plane + 1) * area], copy, p)
            for k in range(p.outputs):
                o = plane % channels * p.outputs + k
                start = bias[o] if bias.size else y.dtype.type(0)
                _correlate(copy, w, o * p.taps, sums, start, at)
                for i in range(p.out_h):
                    to = (plane * p.outputs + k) * out_area + i * p.out_w
                    out, row = y[to : to + p.out_w], sums[i * p.line : i * p.line + p.out_w]
                    for j in range(out.size):
                        out[j] = least if row[j] < least else row[j]


@inner
def _scatter(grad, w, first, dcopy, at):
    """dcopy[at[tap] + q] gets w[first + tap] grad[q], for all taps."""
    for low in range(0, grad.size, _BLOCK):
        part = grad[low : low + _BLOCK]
        for tap in range(at.size):
            value, out = w[first + tap], dcopy[at[tap] + low : at[tap] + low + part.size]
            for q in range(part.size):
                out[q] += value * part[q]


@inner
def _dots(grad, copy, sums, at):
    """sums[tap] gets the sum over q of grad[q] copy[at[tap] + q]."""
    for low in range(0, grad.size, _BLOCK):
        part = grad[low : low + _BLOCK]
        for tap in range(at.size):
            source, total = copy[at[tap] + low : at[tap] + low + part.size], grad.dtype.type(0)
            for q in range(part.size):
                total += part[q] * source[q]
            sums[tap] += total


@kernel
def _backward(x, w, dy, dx, sums, want_w, planes, channels, p, at, shares):
    area, out_area = p.h * p.w, p.out_h * p.out_w
    for t in prange(shares):
        copy, dcopy = np.zeros(p.size, w.dtype), np.empty(p.size, w.dtype)
        grad = np.zeros(p.span, w.dtype)
        for plane in range(planes * t // shares, planes * (t + 1) // shares):
            if want_w:
                _spread(x[plane * area : (plane + 1) * area], copy, p)
            dcopy[:] = 0
            for k in range(p.outputs):
                n, o = plane // channels, plane % channels * p.outputs + k
                total = w.dtype.type(0)
                for i in range(p.out_h):
                    source = (plane * p.outputs + k) * out_area + i * p.out_w
                    row, out = dy[source : source + p.out_w], grad[i * p.line :]
                    for j in range(row.size):
                        out[j] = row[j]
                        total += row[j]
                if sums.size:
                    sums[n, o, p.taps] = total
                if want_w:
                    _dots(grad, copy, sums[n, o], at)
                if dx.size:
                    _scatter(grad, w, o * p.taps, dcopy, at)
            if dx.size:
                _unite(dcopy, dx[plane * area : (plane + 1) * area], p)


@kernel
def _collect(sums, dw, dbias, p):
    """Add the images' sums, in their order, to the gradients."""
    for o in prange(sums.shape[1]):
        total = np.zeros(p.taps + 1)
        for n in range(len(sums)):
            for tap in range(p.taps + 1):
                total[tap] += sums[n, o, tap]
        for tap in range(p.taps if dw.size else 0):
            dw[o * p.taps + tap] += total[tap]
        if dbias.size:
            dbias[o] += total[p.taps]
