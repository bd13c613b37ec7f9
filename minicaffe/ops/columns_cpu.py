"""The columns of a block of a convolution: what its product multiplies the weights with.

They are a matrix of (channel, kernel row, kernel column) by (output row, image, output column).
``p`` is the ``blocks_cpu.Blocks`` of the convolution. Indices are made unsigned before the inner
loops: Numba wraps negative ones around, which keeps a loop from being vectorised.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.numba_cpu import helper


@helper
def fill(to, at, count, value):
    """``to[at : at + count] = value``; nothing if ``count`` is negative, as in ``copy``."""
    start = np.uintp(at)
    for q in range(np.uintp(max(0, count))):
        to[start + q] = value


@helper
def cut_off(to, at, count):
    """``to[at : at + count]`` where it is not below 0, which NaN is not; else 0."""
    start, zero = np.uintp(at), to.dtype.type(0)
    for q in range(np.uintp(max(0, count))):
        to[start + q] = zero if to[start + q] < zero else to[start + q]


@helper
def copy(x, source, step, to, at, count):
    """``to[at : at + count]`` is every ``step``-th element of ``x[source:]``."""
    start, begin = np.uintp(at), np.uintp(source)
    if step == 1:
        for q in range(np.uintp(max(0, count))):
            to[start + q] = x[begin + q]
    else:
        for q in range(np.uintp(max(0, count))):
            to[start + q] = x[begin + q * np.uintp(step)]


@helper
def add(x, source, to, at, step, count):
    """Every ``step``-th element of ``to[at:]`` gets ``x[source : source + count]`` added."""
    start, begin = np.uintp(at), np.uintp(source)
    if step == 1:
        for q in range(np.uintp(max(0, count))):
            to[start + q] += x[begin + q]
    else:
        for q in range(np.uintp(max(0, count))):
            to[start + q * np.uintp(step)] += x[begin + q]


@helper
def total(x, at, count):
    """The sum of ``x[at : at + count]``."""
    start, result = np.uintp(at), x.dtype.type(0)
    for q in range(np.uintp(count)):
        result += x[start + q]
    return result


@helper
def _inside(size, out, stride, start):
    """Of ``out`` positions ``stride`` apart, the first at ``start``: those in ``[0, size)``."""
    first = 0 if start >= 0 else (-start + stride - 1) // stride
    stop = 0 if start >= size else (size - 1 - start) // stride + 1
    stop = max(0, min(out, stop))
    return min(first, stop), stop


@helper
def _clear_edges(work, at, lines, width, first, stop):
    """Zero what is before ``first`` and from ``stop`` on in each of some lines."""
    for _ in range(lines if first > 0 or stop < width else 0):
        fill(work, at, first, 0)
        fill(work, at + stop, width - stop, 0)
        at += width


@helper
def _rows_join(p, images):
    """Whether one output row's inputs end where those of the next begin."""
    return images == 1 and p.stride_h == 1 and p.stride_w == 1 and p.out_w == p.w


@helper
def columns(x, work, p, n0, images, channel, count, row0, lines):
    """Copy into ``work`` the columns of ``count`` channels for ``lines`` rows of some images."""
    at, line, image = 0, images * p.out_w, p.groups * p.c * p.h * p.w
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
                if _rows_join(p, images):  # one run; what belongs to a neighbour row is cleared
                    copy(x, source, 1, work, to + first, (high - low - 1) * line + stop - first)
                else:
                    for _ in range(low, high):
                        for n in range(images):
                            taken = source + n * image
                            copy(x, taken, p.stride_w, work, to + first, stop - first)
                            to += p.out_w
                        source += p.stride_h * p.w
                _clear_edges(work, at + low * line, (high - low) * images, p.out_w, first, stop)
                at += lines * line


@helper
def add_columns(work, dx, p, n0, images, channel, count, row0, lines):
    """The reverse: add what ``columns`` copies to where it came from; spoils ``work``."""
    at, line, image = 0, images * p.out_w, p.groups * p.c * p.h * p.w
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
                if _rows_join(p, images):
                    _clear_edges(work, source, high - low, line, first, stop)
                    run = (high - low - 1) * line + stop - first
                    add(work, source + first, dx, target, 1, run)
                else:
                    for _ in range(low, high):
                        for n in range(images):
                            given = target + n * image
                            add(work, source + first, dx, given, p.stride_w, stop - first)
                            source += p.out_w
                        target += p.stride_h * p.w
                at += lines * line


@helper
def put_columns(work, dx, p, n0, images, channel, count, row0, lines):
    """What ``add_columns`` does to zeros, of a 1x1 kernel without pad, for which p is ``thin``."""
    at, area = 0, p.h * p.w
    stop = p.h if row0 + lines == p.out_h else (row0 + lines) * p.stride_h
    for c in range(channel, channel + count):
        for r in range(row0, row0 + lines):
            first = r * p.stride_h
            end = stop if r == row0 + lines - 1 else first + p.stride_h
            for n in range(n0, n0 + images):
                to = (n * p.groups * p.c + c) * area + first * p.w
                if p.stride_w == 1:
                    copy(work, at, 1, dx, to, p.out_w)
                    fill(dx, to + p.out_w, (end - first) * p.w - p.out_w, 0)
                else:
                    fill(dx, to, (end - first) * p.w, 0)
                    add(work, at, dx, to, p.stride_w, p.out_w)
                at += p.out_w
