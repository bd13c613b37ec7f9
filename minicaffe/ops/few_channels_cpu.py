"""Convolution of few channels for the CPU, as a net's first one has: no columns are made.

With three channels a product of matrices is a bad fit: it would be spent on copying columns, or
on products too short to be worth it. Here 16 outputs lie side by side in a vector, which each
input value is multiplied with where it is; a band of rows of the input, with its pad, stays in
the cache. Arrays are flat in the kernel; ``p`` is the ``_Plan``.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

from minicaffe.ops.columns_cpu import copy, fill
from minicaffe.ops.numba_cpu import inner, kernel, prange, threads
from minicaffe.ops.scratch_cpu import scratch
from minicaffe.ops.vectors_cpu import LANES, Vector, address, rows_from_lanes

_MOST = 4  # channels
_FILLED = 0.75  # of the vectors that hold the outputs
_BAND = 1 << 14  # elements of a band
_AT_ONCE = 8  # results, which share the weights that they load
_VECTORS = 2  # of weights, which share the inputs
_BLOCK = _VECTORS * LANES  # outputs


class _Plan(NamedTuple):
    images: int
    channels: int
    h: int
    w: int
    outputs: int
    out_h: int
    out_w: int
    taps: int  # of all channels
    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int
    extent: int  # rows that one row of results looks at
    down: int  # rows of results of a band
    rows: int  # of a band
    line: int  # elements of a row of it
    results: int  # where, behind the band, a row of results is
    space: int  # for one worker


def suits(x_shape, w):
    """Whether ``convolution`` does that of an input of ``x_shape`` by ``w``, and is the faster."""
    vectors = -(-len(w) // LANES)
    fits = w.dtype == np.float32 and len(x_shape) == 4 and w.shape[1] == x_shape[1] <= _MOST
    return fits and len(w) >= _FILLED * vectors * LANES


def convolution(x, w, bias, y, window, relu=False):
    """``convolution.convolution``, where it ``suits``."""
    p, offsets = _plan(x.shape, y.shape, window)
    blocks, workers = -(-p.outputs // _BLOCK), min(threads(), p.images * p.out_h)
    work = scratch(workers * p.space + blocks * (p.taps + 1) * _BLOCK, x.dtype)
    packed = work[workers * p.space :].reshape(blocks, p.taps + 1, _BLOCK)
    packed[-1] = 0
    for block in range(blocks):
        part = slice(block * _BLOCK, (block + 1) * _BLOCK)
        count = len(w[part])
        packed[block, : p.taps, :count] = w[part].reshape(count, -1).T
        packed[block, p.taps, :count] = 0 if bias is None else bias[part]
    least = x.dtype.type(0 if relu else -np.inf)
    _forward(x.reshape(-1), packed.reshape(-1), offsets, least, y.reshape(-1), work, workers, p)


@lru_cache(maxsize=1024)
def _plan(x_shape, y_shape, window):
    """The plan, and for each tap how many bytes behind the first of its window it is."""
    channels, _, w = x_shape[1:]
    out_h, out_w = y_shape[2:]
    extent, across = window.extent
    line = (-(-out_w // _AT_ONCE) * _AT_ONCE - 1) * window.stride[1] + across
    line = max(line, w + 2 * window.pad[1])
    down = max(1, min(out_h, (_BAND // (channels * line) - extent) // window.stride[0] + 1))
    rows = (down - 1) * window.stride[0] + extent
    results = channels * rows * line + LANES
    taps = [
        (c * rows + i * window.dilation[0]) * line + j * window.dilation[1]
        for c in range(channels)
        for i in range(window.kernel[0])
        for j in range(window.kernel[1])
    ]
    space = results + (out_w + LANES) * _BLOCK
    space += -space % LANES
    offsets = np.array(taps, np.int64) * np.dtype(np.float32).itemsize
    sizes = *x_shape, *y_shape[1:], len(taps), *window.stride, *window.pad
    return _Plan._make((*sizes, extent, down, rows, line, results, space)), offsets


def _sums(vectors):
    """``target[v, q] = bias[v] + sum over k of w[k, v] source[q * step + offsets[k] / 4]``.

    For ``vectors`` v, 8 q; what is below ``least`` becomes that.
    """

    @intrinsic
    def function(typing, source, step, offsets, taps, w, least, target, apart):
        def codegen(context, builder, signature, args):
            source, step, offsets, taps, w, least, target, apart = args
            size = taps.type
            block = builder.mul(taps, size(_BLOCK))
            places = [(v, q) for v in range(vectors) for q in range(_AT_ONCE)]
            sums = {}
            for v, q in places:
                bias = Vector.load(builder, w, (1, block), (v, size(LANES)))
                sums[v, q] = cgutils.alloca_once_value(builder, bias.value)
            kept = offsets.type(8)
            with cgutils.for_range(builder, taps) as loop:
                place = builder.add(offsets, builder.mul(loop.index, kept))
                offset = builder.load(builder.inttoptr(place, size.as_pointer()))
                start = builder.add(source, offset)
                at = builder.mul(loop.index, size(_BLOCK))
                lanes = [(v, size(LANES)) for v in range(vectors)]
                weights = [Vector.load(builder, w, (1, at), lane) for lane in lanes]
                for q in range(_AT_ONCE):
                    value = Vector.all_from(builder, start, (q, step))
                    for v, weight in enumerate(weights):
                        total = Vector(builder, builder.load(sums[v, q])) + weight * value
                        builder.store(total.value, sums[v, q])
            floor = Vector.of(builder, least)
            for v, q in places:
                total = Vector(builder, builder.load(sums[v, q])).at_least(floor)
                total.store(target, (v, apart), (q, size(LANES)))
            return context.get_dummy_value()

        size = types.intp
        return types.void(size, size, size, size, size, types.float32, size, size), codegen

    return function


_sums_1, _sums_2 = _sums(1), _sums(_VECTORS)


@kernel
def _forward(x, w, offsets, least, y, work, workers, p):
    for share in prange(workers):
        space = work[share * p.space : (share + 1) * p.space]
        bands = (p.out_h + p.down - 1) // p.down
        units = p.images * bands
        for unit in range(units * share // workers, units * (share + 1) // workers):
            n, row0 = unit // bands, unit % bands * p.down
            _band(x, w, offsets, least, y, space, n, row0, min(p.down, p.out_h - row0), p)


@inner
def _band(x, w, offsets, least, y, space, n, row0, rows, p):
    """``rows`` rows of results from ``row0`` on, of image ``n``."""
    _load(x, space, n, row0 * p.stride_h - p.pad_h, (rows - 1) * p.stride_h + p.extent, p)
    apart, plane = p.out_w + LANES, p.out_h * p.out_w
    taps = offsets.ctypes.data
    for i in range(rows):
        for o0 in range(0, p.outputs, _BLOCK):
            left = p.outputs - o0
            weights = address(w, o0 * (p.taps + 1))
            for j in range(0, p.out_w, _AT_ONCE):
                source = address(space, i * p.stride_h * p.line + j * p.stride_w)
                target = address(space, p.results + j * LANES)
                if left <= LANES:
                    _sums_1(source, p.stride_w, taps, p.taps, weights, least, target, 0)
                else:
                    step = apart * LANES
                    _sums_2(source, p.stride_w, taps, p.taps, weights, least, target, step)
            for v in range(min(_VECTORS, (left + LANES - 1) // LANES)):
                lanes = min(LANES, left - v * LANES)
                at = ((n * p.outputs + o0 + v * LANES) * p.out_h + row0 + i) * p.out_w
                for j in range(0, p.out_w, LANES):
                    source = address(space, p.results + (v * apart + j) * LANES)
                    count = min(LANES, p.out_w - j)
                    rows_from_lanes(source, address(y, at + j), plane, lanes, count)


@inner
def _load(x, space, n, first, count, p):
    """Rows ``first`` to ``first + count`` of all channels of image ``n``, zeros around."""
    for c in range(p.channels):
        for r in range(count):
            at, row = (c * p.rows + r) * p.line, first + r
            if row < 0 or row >= p.h:
                fill(space, at, p.line, 0)
                continue
            fill(space, at, p.pad_w, 0)
            copy(x, ((n * p.channels + c) * p.h + row) * p.w, 1, space, at + p.pad_w, p.w)
            fill(space, at + p.pad_w + p.w, p.line - p.pad_w - p.w, 0)
