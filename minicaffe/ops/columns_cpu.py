"""How a convolution is cut into blocks, and the columns of one block.

The columns of a block are a matrix: (channel, kernel row, kernel column) by (output row, image,
output column). The images of a block are in the middle so that one step down the kernel is the
same step in all of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from minicaffe.ops.convolution import Window
from minicaffe.ops.numba_cpu import inner

_COLUMNS = 1 << 16  # elements that a block's columns may take: a fraction of an L2 cache
_POSITIONS = 256  # of a block: the terms of each sum of the weights' gradient
_FEW_POSITIONS = 48  # below which the product for one image is too narrow
_DEPTH = 32  # terms from which a product pays, so that each kernel row may be one of its own
_GOOD_DEPTH = 128
_PARTIAL_SUMS = 1 << 24  # elements that the workers' own sums of the weights' gradient may take


class Blocks(NamedTuple):
    """The sizes of a convolution and of its blocks."""

    images: int
    groups: int
    c: int  # channels in a group
    o: int  # outputs in a group
    h: int
    w: int
    out_h: int
    out_w: int
    kernel_w: int
    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int
    dilation_h: int
    dilation_w: int
    bare: bool  # the input is its own columns
    shifts: int  # kernel rows that use the same columns, each one step further down
    rows: int  # kernel rows with columns of their own; shifts * rows is the kernel's height
    halo: int  # rows that the columns of a block have more than the block
    block_images: int
    block_rows: int
    block_c: int
    block_o: int  # forward alone
    shares_n: int  # backward: parts of the batch, each with sums of the weights' gradient
    shares_c: int  # and of the channels; the workers are one for each pair
    columns: int  # elements of work space for the columns of a worker
    space: int  # and for a worker in all
    weights: int  # number of them
    units: int  # forward: number of blocks


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def _even(length: int, most: int) -> int:
    """Size of the pieces, of at most ``most``, that ``length`` falls into about evenly."""
    return _ceil(length, _ceil(length, max(1, min(most, length))))


@lru_cache(maxsize=1024)
def blocks(
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    window: Window,
    workers: int,
    backward: bool,
) -> Blocks:
    """The blocks for an input (N, C, H, W) and weights (O, C / groups, KH, KW), none empty."""
    images, channels, h, w = x_shape
    outputs, c, kernel_h, kernel_w = w_shape
    out_h, out_w = window.out((h, w))
    groups = channels // c
    o = outputs // groups
    bare = (kernel_h, kernel_w, *window.stride, *window.pad) == (1, 1, 1, 1, 0, 0)
    shifted = window.stride[0] == 1 and c * kernel_w >= _DEPTH
    shifts, rows = (kernel_h, 1) if shifted else (1, kernel_h)
    halo = (shifts - 1) * window.dilation[0]
    taps = rows * kernel_w

    shares_n, shares_c = workers, 1
    weights = outputs * c * kernel_h * kernel_w
    if backward and (images < workers or workers * weights > _PARTIAL_SUMS):
        shares_c = min(workers, channels)
        shares_n = min(images, workers // shares_c)
    most_c = min(c, max(1, channels // shares_c))

    block_images, block_rows, block_c = 1, out_h, min(most_c, _ceil(_GOOD_DEPTH, taps))
    if bare:
        block_rows, block_c = _even(out_h, _ceil(4 * _POSITIONS, out_w)), most_c
    else:
        few = _POSITIONS if backward else _FEW_POSITIONS
        if out_h * out_w < few:
            block_images = _even(_ceil(images, shares_n), _ceil(few, out_h * out_w))
        if block_images == 1:
            block_rows = _even(out_h, _COLUMNS // (block_c * taps * out_w) - halo)
    block_o = o
    if not backward and images * groups < workers:
        parts = _ceil(workers, images * groups)
        block_rows = min(block_rows, _ceil(out_h, parts))
        block_o = _even(o, _ceil(o, _ceil(parts, _ceil(out_h, block_rows))))
    line = (block_rows + halo) * block_images * out_w
    columns = 0
    if not bare:
        block_c = _even(most_c, _COLUMNS // (taps * line))
        columns = block_c * taps * line
    gathered = o * block_rows * block_images * out_w if block_images > 1 else 0
    units = groups * _ceil(o, block_o) * _ceil(images, block_images) * _ceil(out_h, block_rows)
    return Blocks(
        *(images, groups, c, o, h, w, out_h, out_w, kernel_w),
        *(*window.stride, *window.pad, *window.dilation, bare, shifts, rows, halo),
        *(block_images, block_rows, block_c, block_o, shares_n, shares_c),
        *(columns, _ceil(columns + gathered, 16) * 16, weights, units),
    )


@inner
def _inside(size, out, stride, start):
    """Of ``out`` positions ``stride`` apart, the first at ``start``: those in ``[0, size)``."""
    first = 0 if start >= 0 else (-start + stride - 1) // stride
    stop = 0 if start >= size else (size - 1 - start) // stride + 1
    stop = max(0, min(out, stop))
    return min(first, stop), stop


@inner
def fill(to, at, count, value):
    """``to[at : at + count] = value``; unsigned, since Numba wraps signed indices around."""
    start = np.uintp(at)
    for q in range(np.uintp(max(0, count))):
        to[start + q] = value


@inner
def copy(x, source, step, to, at, count):
    """``to[at : at + count]`` is every ``step``-th element of ``x[source:]``."""
    start, begin = np.uintp(at), np.uintp(source)
    if step == 1:
        for q in range(np.uintp(max(0, count))):
            to[start + q] = x[begin + q]
    else:
        for q in range(np.uintp(max(0, count))):
            to[start + q] = x[begin + q * np.uintp(step)]


@inner
def add(x, source, to, at, step, count):
    """Every ``step``-th element of ``to[at:]`` gets ``x[source : source + count]`` added."""
    start, begin = np.uintp(at), np.uintp(source)
    if step == 1:
        for q in range(np.uintp(max(0, count))):
            to[start + q] += x[begin + q]
    else:
        for q in range(np.uintp(max(0, count))):
            to[start + q * np.uintp(step)] += x[begin + q]


@inner
def total(x, at, count):
    """The sum of ``x[at : at + count]``."""
    start, result = np.uintp(at), x.dtype.type(0)
    for q in range(np.uintp(count)):
        result += x[start + q]
    return result


@inner
def _clear_edges(work, at, lines, width, first, stop):
    """Zero what is before ``first`` and from ``stop`` on in each of some lines."""
    for _ in range(lines if first > 0 or stop < width else 0):
        fill(work, at, first, 0)
        fill(work, at + stop, width - stop, 0)
        at += width


@inner
def columns(x, work, p, n0, images, channel, count, row0, lines):
    """Copy into ``work`` the columns of ``count`` channels for ``lines`` rows of some images."""
    at, line, image = 0, images * p.out_w, p.groups * p.c * p.h * p.w
    solid = images == 1 and p.stride_h == 1 and p.stride_w == 1 and p.out_w == p.w
    for c in range(channel, channel + count):
        for i in range(p.rows):
            top = row0 * p.stride_h + i * p.dilation_h - p.pad_h
            low, high = _inside(p.h, lines, p.stride_h, top)
            for tap in range(p.kernel_w):
                start = tap * p.dilation_w - p.pad_w
                first, stop = _inside(p.w, p.out_w, p.stride_w, start)
                source = n0 * image + (c * p.h + top + low * p.stride_h) * p.w
                source += start + first * p.stride_w
                fill(work, at, low * line, 0)
                fill(work, at + high * line, (lines - high) * line, 0)
                to = at + low * line
                if solid:  # one run of all rows; what comes from the row before or after goes
                    copy(x, source, 1, work, to + first, (high - low - 1) * line + stop - first)
                else:
                    for _ in range(low, high):
                        for n in range(images):
                            taken = source + n * image
                            copy(x, taken, p.stride_w, work, to + first, stop - first)
                            to += p.out_w
                        source += p.stride_h * p.w
                    to = at + low * line
                _clear_edges(work, to, (high - low) * images, p.out_w, first, stop)
                at += lines * line


@inner
def add_columns(work, dx, p, n0, images, channel, count, row0, lines):
    """The reverse: add what ``columns`` copies to where it came from; spoils ``work``."""
    at, line, image = 0, images * p.out_w, p.groups * p.c * p.h * p.w
    solid = images == 1 and p.stride_h == 1 and p.stride_w == 1 and p.out_w == p.w
    for c in range(channel, channel + count):
        for i in range(p.rows):
            top = row0 * p.stride_h + i * p.dilation_h - p.pad_h
            low, high = _inside(p.h, lines, p.stride_h, top)
            for tap in range(p.kernel_w):
                start = tap * p.dilation_w - p.pad_w
                first, stop = _inside(p.w, p.out_w, p.stride_w, start)
                target = n0 * image + (c * p.h + top + low * p.stride_h) * p.w
                target += start + first * p.stride_w
                source = at + low * line
                if solid:
                    _clear_edges(work, source, high - low, line, first, stop)
                    add(work, source + first, dx, target, 1, (high - low - 1) * line + stop - first)
                else:
                    for _ in range(low, high):
                        for n in range(images):
                            given = target + n * image
                            add(work, source + first, dx, given, p.stride_w, stop - first)
                            source += p.out_w
                        target += p.stride_h * p.w
                at += lines * line
