"""Depthwise 3x3 convolution for the CPU, 16 channels side by side.

As ``depthwise_cpu``, of which this is the faster way for float32, stride 1 or 2 and one output a
channel: a band of rows is laid out with 16 channels last, so that a row of any length is made of
whole vectors. The data gradient is the same, of the output's gradient with the kernel turned
around and, for stride 2, with zeros between. Arrays are flat in the kernels; ``p`` is the
``_Plan``.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba.core import types
from numba.extending import intrinsic

from minicaffe.ops.columns_cpu import fill
from minicaffe.ops.numba_cpu import inner, kernel, prange, threads
from minicaffe.ops.scratch_cpu import scratch
from minicaffe.ops.vectors_cpu import LANES, Vector, address, lanes_from_rows, rows_from_lanes

_BAND = 1 << 15  # elements of a band: with a row of results it fits an L2 cache many times over
_TAPS = 9
_AT_ONCE = 4  # results, which share what they load
_SUMS = _TAPS + 1  # of each channel and image: for the weights, and for the bias


class _Plan(NamedTuple):
    """Of one correlation, which has the input for ``down`` rows of results at a time."""

    planes: int  # images and channels
    channels: int
    h: int
    w: int
    out_h: int
    out_w: int
    spread: int  # rows and columns from one of the input to the next, zeros between
    stride: int
    top: int  # rows and columns of zeros before the input
    left: int
    down: int
    line: int  # elements of a row of the band
    row: int  # where, behind the band, a row of results or gradients is
    weights: int  # and the weights, which overhang to 16, the bias and the least result
    space: int


def can(x_shape, w, window):
    """Whether the functions here do the depthwise convolution of an input of ``x_shape``."""
    return (
        w.dtype == np.float32
        and window.kernel == (3, 3)
        and window.dilation == (1, 1)
        and window.stride in ((1, 1), (2, 2))
        and max(window.pad) <= 2
        and len(w) == x_shape[1]
        and x_shape[0] > 0
    )


def depthwise(x, w, bias, y, window, relu=False):
    """``depthwise_cpu.depthwise``, where ``can``."""
    p = _plan(x.shape, y.shape, 1, window.stride[0], window.pad)
    workers = threads()
    work = scratch(workers * p.space, x.dtype)
    bias = work[:0] if bias is None else bias
    least = x.dtype.type(0 if relu else -np.inf)
    _correlate(x.reshape(-1), w.reshape(-1), bias, least, y.reshape(-1), False, work, workers, p)


def depthwise_grad(x, w, dy, dx, dw, dbias, window):
    """``depthwise_cpu.depthwise_grad``, where ``can``."""
    workers, stride, flat = threads(), window.stride[0], dy.reshape(-1)
    if dx is not None:
        p = _plan(dy.shape, dx.shape, stride, 1, tuple(2 - pad for pad in window.pad))
        work = scratch(workers * p.space, dy.dtype)
        least, to = dy.dtype.type(-np.inf), dx.reshape(-1)
        _correlate(flat, w.reshape(-1), work[:0], least, to, True, work, workers, p)
    if dw is None and dbias is None:
        return
    image = dx if x is None else x
    p = _plan(image.shape, dy.shape, 1, stride, window.pad)
    blocks = len(dy) * -(-p.channels // LANES)
    work = scratch(workers * p.space + blocks * _SUMS * LANES, dy.dtype)
    none = work[:0]
    x, dw, dbias = (none if a is None else a.reshape(-1) for a in (x, dw, dbias))
    dw = dw if x.size else none
    _sum(x if dw.size else none, flat, work, workers, p)
    _collect(work[workers * p.space :], dw, dbias, len(dy))


@lru_cache(maxsize=1024)
def _plan(x_shape, y_shape, spread, stride, pad):
    images, channels, h, w = x_shape
    out_h, out_w = y_shape[2:]
    width = -(-out_w // _AT_ONCE) * _AT_ONCE
    line = ((width - 1) * stride + 3 + spread * LANES) * LANES  # and what a last block overhangs
    down = max(1, min(out_h, (_BAND // line - 3) // stride + 1))
    row, width = ((down - 1) * stride + 3) * line, max(w, width) + LANES
    weights = row + width * LANES
    space = weights + (LANES + 2) * LANES
    sizes = images * channels, channels, h, w, out_h, out_w
    return _Plan._make((*sizes, spread, stride, *pad, down, line, row, weights, space))


def _correlation(stride):
    """``target[q] = bias + sum over a, b of w[3 a + b] source[a, q * stride + b]``, 4 results.

    What is below ``bias[16:]`` becomes that.
    """

    @intrinsic
    def function(typing, source, line, w, w_step, bias, target):
        def codegen(context, builder, signature, args):
            source, line, w, w_step, bias, target = args
            along = line.type(LANES)
            results = [Vector.load(builder, bias)] * _AT_ONCE
            for a in range(3):
                count = (_AT_ONCE - 1) * stride + 3
                row = [Vector.load(builder, source, (a, line), (j, along)) for j in range(count)]
                for b in range(3):
                    weight = Vector.load(builder, w, (3 * a + b, w_step))
                    for q in range(_AT_ONCE):
                        results[q] = results[q] + weight * row[q * stride + b]
            least = Vector.load(builder, bias, (1, along))
            for q, result in enumerate(results):
                result.at_least(least).store(target, (q, along))
            return context.get_dummy_value()

        size = types.intp
        return types.void(size, size, size, size, size, size), codegen

    return function


def _products(stride):
    """``sums[3 a + b]`` gets the sum over q of ``grad[q] source[a, q * stride + b]`` added."""

    @intrinsic
    def function(typing, source, line, grad, sums):
        def codegen(context, builder, signature, args):
            source, line, grad, sums = args
            along = line.type(LANES)
            grads = [Vector.load(builder, grad, (q, along)) for q in range(_AT_ONCE)]
            for a in range(3):
                count = (_AT_ONCE - 1) * stride + 3
                row = [Vector.load(builder, source, (a, line), (j, along)) for j in range(count)]
                for b in range(3):
                    total = grads[0] * row[b]
                    for q in range(1, _AT_ONCE):
                        total = total + grads[q] * row[q * stride + b]
                    total = Vector.load(builder, sums, (3 * a + b, along)) + total
                    total.store(sums, (3 * a + b, along))
            return context.get_dummy_value()

        size = types.intp
        return types.void(size, size, size, size), codegen

    return function


_correlation_1, _correlation_2 = _correlation(1), _correlation(2)
_products_1, _products_2 = _products(1), _products(2)


@inner
def _load_band(x, plane, lanes, space, first, rows, p):
    """Rows ``first`` to ``first + rows`` of the input, zeros around and between, of channels."""
    area = p.h * p.w
    fill(space, 0, rows * p.line, 0)
    for r in range(rows):
        i = first + r - p.top
        if i < 0 or i % p.spread or i // p.spread >= p.h:
            continue
        source, at = plane * area + i // p.spread * p.w, r * p.line + p.left * LANES
        for j in range(0, p.w, LANES):
            count = min(LANES, p.w - j)
            begin = address(x, source + j)
            if p.spread == 1:
                lanes_from_rows(begin, area, lanes, count, address(space, at + j * LANES))
                continue
            lanes_from_rows(begin, area, lanes, count, address(space, p.row))
            for q in range(count):
                to = np.uintp(at + (j + q) * p.spread * LANES)
                source_q = np.uintp(p.row + q * LANES)
                for lane in range(np.uintp(LANES)):
                    space[to + lane] = space[source_q + lane]


@kernel
def _correlate(x, w, bias, least, y, turned, work, workers, p):
    for share in prange(workers):
        space = work[share * p.space :]
        _correlate_share(x, w, bias, least, y, turned, space, share, workers, p)


@inner
def _correlate_share(x, w, bias, least, y, turned, space, share, workers, p):
    blocks = (p.channels + LANES - 1) // LANES
    units = p.planes // p.channels * blocks
    results, weights, term = p.row, p.weights, p.weights + LANES * LANES
    for unit in range(units * share // workers, units * (share + 1) // workers):
        n, c0 = unit // blocks, unit % blocks * LANES
        lanes, plane = min(LANES, p.channels - c0), n * p.channels + c0
        lanes_from_rows(address(w, c0 * _TAPS), _TAPS, lanes, _TAPS, address(space, weights))
        fill(space, term, LANES, 0)
        fill(space, term + LANES, LANES, least)
        for lane in range(lanes if bias.size else 0):
            space[term + lane] = bias[c0 + lane]
        taps, step = address(space, weights), LANES
        if turned:
            taps, step = address(space, weights + (_TAPS - 1) * LANES), -LANES
        for first in range(0, p.out_h, p.down):
            down = min(p.down, p.out_h - first)
            _load_band(x, plane, lanes, space, first * p.stride, (down - 1) * p.stride + 3, p)
            for i in range(down):
                for j in range(0, p.out_w, _AT_ONCE):
                    source = address(space, i * p.stride * p.line + j * p.stride * LANES)
                    target = address(space, results + j * LANES)
                    if p.stride == 1:
                        _correlation_1(source, p.line, taps, step, address(space, term), target)
                    else:
                        _correlation_2(source, p.line, taps, step, address(space, term), target)
                at = plane * p.out_h * p.out_w + (first + i) * p.out_w
                for j in range(0, p.out_w, LANES):
                    rows_from_lanes(
                        *(address(space, results + j * LANES), address(y, at + j)),
                        *(p.out_h * p.out_w, lanes, min(LANES, p.out_w - j)),
                    )


@kernel
def _sum(x, dy, work, workers, p):
    for share in prange(workers):
        sums = work[workers * p.space :]
        _sum_share(x, dy, work[share * p.space :], sums, share, workers, p)


@inner
def _sum_share(x, dy, space, sums, share, workers, p):
    """The sums of each image and 16 channels: (image, channels, tap or bias, lane)."""
    blocks = (p.channels + LANES - 1) // LANES
    units, row = p.planes // p.channels * blocks, p.row
    for unit in range(units * share // workers, units * (share + 1) // workers):
        n, c0 = unit // blocks, unit % blocks * LANES
        lanes, plane = min(LANES, p.channels - c0), n * p.channels + c0
        at = unit * _SUMS * LANES
        fill(sums, at, _SUMS * LANES, 0)
        for first in range(0, p.out_h, p.down):
            down = min(p.down, p.out_h - first)
            if x.size:
                _load_band(x, plane, lanes, space, first * p.stride, (down - 1) * p.stride + 3, p)
            for i in range(down):
                source = plane * p.out_h * p.out_w + (first + i) * p.out_w
                for j in range(0, p.out_w, LANES):
                    begin, target = address(dy, source + j), address(space, row + j * LANES)
                    count = min(LANES, p.out_w - j)
                    lanes_from_rows(begin, p.out_h * p.out_w, lanes, count, target)
                total = np.uintp(at + _TAPS * LANES)
                for j in range(p.out_w):
                    grad = np.uintp(row + j * LANES)
                    for lane in range(np.uintp(LANES)):
                        sums[total + lane] += space[grad + lane]
                for j in range(0, p.out_w if x.size else 0, _AT_ONCE):
                    begin = address(space, i * p.stride * p.line + j * p.stride * LANES)
                    grads = address(space, row + j * LANES)
                    if p.stride == 1:
                        _products_1(begin, p.line, grads, address(sums, at))
                    else:
                        _products_2(begin, p.line, grads, address(sums, at))


@inner
def _total(sums, blocks, images, c, index):
    total = 0.0
    for n in range(images):
        at = (n * blocks + c // LANES) * _SUMS + index
        total += sums[at * LANES + c % LANES]
    return total


@kernel
def _collect(sums, dw, dbias, images):
    """Add the images' sums, in their order, to the gradients."""
    blocks, channels = sums.size // (images * _SUMS * LANES), max(dw.size // _TAPS, dbias.size)
    for c in prange(channels):
        for tap in range(_TAPS if dw.size else 0):
            dw[c * _TAPS + tap] += _total(sums, blocks, images, c, tap)
        if dbias.size:
            dbias[c] += _total(sums, blocks, images, c, _TAPS)
