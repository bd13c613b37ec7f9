"""Convolution on the CPU, over one or two spatial axes; more run the reference.

Each worker takes blocks of output positions, copies what a block needs of the input into
columns that stay in its cache, and multiplies there. Where the stride is 1 the columns hold the
kernel's width alone: the kernel's next row meets the same columns, one input row further on, so
that one copy serves all rows (Cho and Brand, "MEC: Memory-efficient Convolution for Deep Neural
Network", 2017). A 1x1 kernel needs no columns at all.

In the kernels ``p`` is the ``Blocks`` of the convolution; arrays are flat.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops import convolution as reference
from minicaffe.ops.blas_cpu import gemm
from minicaffe.ops.blocks_cpu import Blocks, blocks
from minicaffe.ops.columns_cpu import (
    add,
    add_columns,
    columns,
    copy,
    cut_off,
    fill,
    put_columns,
    total,
)
from minicaffe.ops.convolution import Window
from minicaffe.ops.depthwise_cpu import depthwise, depthwise_grad, is_depthwise
from minicaffe.ops.numba_cpu import helper, kernel, prange, threads
from minicaffe.ops.scratch_cpu import scratch


def convolution(
    x: Array, w: Array, bias: Array | None, y: Array, window: Window, relu: bool = False
) -> None:
    """``convolution.convolution``, for C-contiguous arrays."""
    if is_depthwise(x.shape, w.shape):
        depthwise(x, w, bias, y, window, relu)
        return
    if len(window.kernel) not in (1, 2):
        reference.convolution.reference(np, x, w, bias, y, window, relu)
        return
    if not y.size:
        return
    p = blocks(*_two_axes(x.shape, w.shape, window), threads(), False)
    workers = min(threads(), p.units)
    work = scratch(workers * p.space + _size_rows_first(p), x.dtype)
    w = _rows_first(w.reshape(-1), work, p)
    bias = work[:0] if bias is None else bias
    _forward(x.reshape(-1), w, bias, y.reshape(-1), relu, work, workers, p)


def convolution_grad(
    x: Array | None,
    w: Array,
    dy: Array,
    dx: Array | None,
    dw: Array | None,
    dbias: Array | None,
    window: Window,
) -> None:
    """``convolution.convolution_grad``, for C-contiguous arrays."""
    image = dx if x is None else x
    if image is not None and is_depthwise(image.shape, w.shape):
        depthwise_grad(x, w, dy, dx, dw, dbias, window)
        return
    if image is None or not dy.size or len(window.kernel) not in (1, 2):
        reference.convolution_grad.reference(np, x, w, dy, dx, dw, dbias, window)
        return
    p = blocks(*_two_axes(image.shape, w.shape, window), threads(), True)
    start = p.shares_n * p.shares_c * p.space
    middle = start + p.shares_n * len(w)
    stop = middle if p.direct else middle + p.shares_n * p.weights
    work = scratch(stop + _size_rows_first(p), w.dtype)
    none = work[:0]
    x, dx, dw, dbias = (none if a is None else a.reshape(-1) for a in (x, dx, dw, dbias))
    terms = work[start:middle].reshape(p.shares_n, len(w))
    sums = (dw if p.direct else work[middle:stop]).reshape(p.shares_n, -1)
    w = _rows_first(w.reshape(-1), work, p) if dx.size else w.reshape(-1)
    _backward(x, w, dy.reshape(-1), dx, sums, terms, dw.size > 0, dbias.size > 0, work, p)
    dw = none if p.direct else dw
    if dw.size or dbias.size:
        _collect(sums, terms, dw, dbias, p)


def _two_axes(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], window: Window
) -> tuple[tuple[int, ...], tuple[int, ...], Window]:
    """One spatial axis as two, the first of length 1."""
    if len(window.kernel) == 2:
        return x_shape, w_shape, window
    (size,), (stride,), (pad,), (dilation,) = window
    window = Window((1, size), (1, stride), (0, pad), (1, dilation))
    return (*x_shape[:2], 1, x_shape[2]), (*w_shape[:2], 1, w_shape[2]), window


def _size_rows_first(p: Blocks) -> int:
    return p.weights if p.shifts > 1 else 0


def _rows_first(w: Array, work: Array, p: Blocks) -> Array:
    """The weights as (group, shift, output, channel, kernel row, kernel column)."""
    if p.shifts == 1:
        return w
    _reorder(w, work[-w.size :], p)
    return work[-w.size :]


@kernel
def _reorder(w, to, p):
    taps = p.rows * p.kernel_w
    for each in prange(p.groups * p.o):
        g, o = each // p.o, each % p.o
        for s in range(p.shifts):
            for c in range(p.c):
                source = ((each * p.c + c) * p.shifts + s) * taps
                copy(w, source, 1, to, (((g * p.shifts + s) * p.o + o) * p.c + c) * taps, taps)


@kernel
def _collect(sums, terms, dw, dbias, p):
    """Add the workers' sums, in their order, to the gradients; weights as in ``_rows_first``."""
    taps = p.rows * p.kernel_w
    for each in prange(p.groups * p.o):
        g, o = each // p.o, each % p.o
        for part in range(p.shares_n):
            if dbias.size:
                dbias[each] += terms[part, each]
            for s in range(p.shifts if dw.size else 0):
                source = ((g * p.shifts + s) * p.o + o) * p.c * taps
                for c in range(p.c):
                    target = ((each * p.c + c) * p.shifts + s) * taps
                    add(sums[part], source + c * taps, dw, target, 1, taps)


@kernel
def _forward(x, w, bias, y, relu, work, workers, p):
    for share in prange(workers):
        space = work[share * p.space : (share + 1) * p.space]
        for unit in range(p.units * share // workers, p.units * (share + 1) // workers):
            _forward_block(x, w, bias, y, relu, space, unit, p)


@helper
def _forward_block(x, w, bias, y, relu, work, unit, p):
    row_blocks = (p.out_h + p.block_rows - 1) // p.block_rows
    o_blocks = (p.o + p.block_o - 1) // p.block_o
    unit, row0 = unit // row_blocks, unit % row_blocks * p.block_rows
    unit, o0 = unit // o_blocks, unit % o_blocks * p.block_o
    n0, g = unit // p.groups * p.block_images, unit % p.groups
    rows, outputs = min(p.block_rows, p.out_h - row0), min(p.block_o, p.o - o0)
    images = min(p.block_images, p.images - n0)
    line, plane, taps = images * p.out_w, p.out_h * p.out_w, p.rows * p.kernel_w

    # one image's results lie side by side in y already; those of several are made elsewhere
    out, out_at, width = y, ((n0 * p.groups + g) * p.o + o0) * plane + row0 * p.out_w, plane
    if images > 1:
        out, out_at, width = work, p.columns, rows * line
    for o in range(outputs):
        start = bias[g * p.o + o0 + o] if bias.size else y.dtype.type(0)
        fill(out, out_at + o * width, rows * line, start)
    for c0 in range(0, p.c, p.block_c):
        count = min(p.block_c, p.c - c0)
        cols, at, across = work, 0, (rows + p.halo) * line
        if p.bare:
            cols, across = x, p.h * p.w
            at = ((n0 * p.groups + g) * p.c + c0) * across + row0 * p.w
        else:
            columns(x, work, p, n0, images, g * p.c + c0, count, row0, rows + p.halo)
        for s in range(p.shifts):
            w_at = (((g * p.shifts + s) * p.o + o0) * p.c + c0) * taps
            gemm(
                *(False, False, outputs, rows * line, count * taps, 1.0, w, w_at, p.c * taps),
                *(cols, at + s * p.dilation_h * line, across, 1.0, out, out_at, width),
            )
    for o in range(outputs if relu else 0):
        cut_off(out, out_at + o * width, rows * line)
    if images > 1:
        for o in range(outputs):
            for r in range(rows):
                for n in range(images):
                    to = (((n0 + n) * p.groups + g) * p.o + o0 + o) * plane + r * p.out_w
                    copy(work, out_at, 1, y, to, p.out_w)
                    out_at += p.out_w


@kernel
def _backward(x, w, dy, dx, sums, terms, want_w, want_b, work, p):
    for share in prange(p.shares_n * p.shares_c):
        space = work[share * p.space : (share + 1) * p.space]
        part, channels = share // p.shares_c, share % p.shares_c
        results = dx, sums[part], terms[part]
        _backward_share(x, w, dy, *results, want_w, want_b, space, part, channels, p)


@helper
def _backward_share(x, w, dy, dx, sums, terms, want_w, want_b, work, part, channels, p):
    """All blocks of one part of the batch, for one part of the channels."""
    slices = (p.c + p.block_c - 1) // p.block_c
    first = slices * p.groups * channels // p.shares_c
    stop = slices * p.groups * (channels + 1) // p.shares_c
    n_first, n_stop = p.images * part // p.shares_n, p.images * (part + 1) // p.shares_n
    plane = p.out_h * p.out_w
    for n0 in range(n_first, n_stop, p.block_images):
        images = min(p.block_images, n_stop - n0)
        for row0 in range(0, p.out_h, p.block_rows):
            rows = min(p.block_rows, p.out_h - row0)
            count, fresh = rows * images * p.out_w, n0 == n_first and row0 == 0
            for each in range(first, stop):
                g, c0 = each // slices, each % slices * p.block_c
                grad, at, width = dy, (n0 * p.groups + g) * p.o * plane + row0 * p.out_w, plane
                if images > 1:
                    grad, at, width = work, p.columns, count
                    if each == first or c0 == 0:
                        _gather(dy, work, n0, images, g, p)
                if want_b and c0 == 0:
                    for o in range(p.o):
                        before = dy.dtype.type(0) if fresh else terms[g * p.o + o]
                        terms[g * p.o + o] = before + total(grad, at + o * width, count)
                _backward_block(
                    *(x, w, dx, sums, want_w, fresh, work, n0, images, row0, rows, g, c0),
                    *(grad, at, width, p),
                )


@helper
def _gather(dy, work, n0, images, g, p):
    """A group of whole images of dy as (output, row, image, column), behind the columns."""
    at = p.columns
    for o in range(p.o):
        for r in range(p.out_h):
            for n in range(n0, n0 + images):
                source = (((n * p.groups + g) * p.o + o) * p.out_h + r) * p.out_w
                copy(dy, source, 1, work, at, p.out_w)
                at += p.out_w


@helper
def _backward_block(
    x, w, dx, sums, want_w, fresh, work, n0, images, row0, rows, g, c0, grad, grad_at, width, p
):
    """What one block, and one slice of the channels, adds to both gradients."""
    count, taps, line = min(p.block_c, p.c - c0), p.rows * p.kernel_w, images * p.out_w
    channel, lines, area = g * p.c + c0, rows + p.halo, p.h * p.w
    cols, at, across = work, 0, lines * line
    if p.bare:
        cols, at, across = x, (n0 * p.groups * p.c + channel) * area + row0 * p.w, area
    if want_w:
        beta = 0.0 if fresh and not p.direct else 1.0
        if not p.bare:
            columns(x, work, p, n0, images, channel, count, row0, lines)
        for s in range(p.shifts):
            gemm(
                *(False, True, p.o, count * taps, rows * line, 1.0, grad, grad_at, width),
                *(cols, at + s * p.dilation_h * line, across),
                *(beta, sums, ((g * p.shifts + s) * p.o * p.c + c0) * taps, p.c * taps),
            )
    if not dx.size:
        return
    out = dx if p.bare else work
    for row in range(count * taps if p.halo else 0):
        fill(work, row * across + rows * line, p.halo * line, 0)
    for s in range(p.shifts):
        beta = 1.0 if s else 0.0
        gemm(
            *(True, False, count * taps, rows * line, p.o, 1.0),
            *(w, ((g * p.shifts + s) * p.o * p.c + c0) * taps, p.c * taps),
            *(grad, grad_at, width, beta, out, at + s * p.dilation_h * line, across),
        )
    if p.thin and not p.bare:
        put_columns(work, dx, p, n0, images, channel, count, row0, lines)
    elif not p.bare:
        if row0 == 0:
            for n in range(n0, n0 + images):
                fill(dx, (n * p.groups * p.c + channel) * area, count * area, 0)
        add_columns(work, dx, p, n0, images, channel, count, row0, lines)
