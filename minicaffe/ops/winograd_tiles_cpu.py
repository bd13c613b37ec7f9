"""From images to tiles in the domain of Winograd's products, and back; 16 channels at a time.

An array of tiles is (36, tile, channel). Tiles are counted through all images; a run of them,
side by side in one image, is laid out with its channels last in a strip that stays in the
nearest cache, and transformed from there. ``p`` is the ``winograd_sizes_cpu.Sizes``.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.columns_cpu import fill
from minicaffe.ops.numba_cpu import inner
from minicaffe.ops.vectors_cpu import LANES, address, both_ways, lanes_from_rows, rows_from_lanes
from minicaffe.ops.winograd_sizes_cpu import LINE, RUN

_NO = np.float32(0)


def _input_line(d):
    even, odd = d[4] - 4 * d[2], d[3] - 4 * d[1]
    near, far = d[4] - d[2], 2 * (d[3] - d[1])
    first, last = 4 * d[0] - 5 * d[2] + d[4], 4 * d[1] - 5 * d[3] + d[5]
    return first, even + odd, even - odd, near + far, near - far, last


def _output_line(m):
    s, d, s4, d4 = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
    return m[0] + s + s4, d + 2 * d4, s + 4 * s4, d + 8 * d4 + m[5]


def _spread_line(y):
    """The transpose of ``_output_line``."""
    even, odd = y[0] + y[2], y[1] + y[3]
    even4, odd4 = y[0] + 4 * y[2], 2 * (y[1] + 4 * y[3])
    return y[0], even + odd, even - odd, even4 + odd4, even4 - odd4, y[3]


_input = both_ways(_input_line, 6)
_output = both_ways(_output_line, 6, ends=True)
_spread = both_ways(_spread_line, 4)


@inner
def _strip_from_rows(x, base, h, w, channels, strip, size, top, left, width):
    """``size`` rows and ``width`` columns from (top, left) on, with zeros around the image."""
    low, high = max(0, -left), min(width, w - left)
    for a in range(size):
        row, at = top + a, a * LINE
        if row < 0 or row >= h or high <= low:
            fill(strip, at, width * LANES, 0)
            continue
        fill(strip, at, low * LANES, 0)
        for j in range(low, high, LANES):
            source = address(x, base + row * w + left + j)
            columns = min(LANES, high - j)
            lanes_from_rows(source, h * w, channels, columns, address(strip, at + j * LANES))
        fill(strip, at + high * LANES, (width - high) * LANES, 0)


@inner
def load_inputs(x, strip, tiles, at, step, p, g, first, count, c0):
    """Tiles ``first`` to ``first + count`` of 16 channels from ``c0`` of group ``g`` on.

    They go where ``tiles[at]`` is the first, ``step`` elements between the 36 parts.
    """
    channels, per = min(LANES, p.c - c0), p.down * p.along
    t, stop = first, first + count
    while t < stop:
        n, i, j = t // per, t % per // p.along, t % p.along
        run = min(RUN, p.along - j, stop - t)
        base = ((n * p.groups + g) * p.c + c0) * p.h * p.w
        top, left = 4 * i - p.pad_h, 4 * j - p.pad_w
        _strip_from_rows(x, base, p.h, p.w, channels, strip, 6, top, left, 4 * run + 2)
        for q in range(run):
            source, target = address(strip, 4 * q * LANES), address(tiles, at)
            _input(source, LINE, LANES, target, 6 * step, step, 0, _NO)
            at += p.c16
        t += run


@inner
def load_gradients(dy, strip, tiles, at, step, p, g, first, count, o0):
    """As ``load_inputs``, of 16 outputs' gradients, among those of a panel."""
    outputs, per = min(LANES, p.o - o0), p.down * p.along
    t, stop = first, first + count
    while t < stop:
        n, i, j = t // per, t % per // p.along, t % p.along
        run = min(RUN, p.along - j, stop - t)
        base = ((n * p.groups + g) * p.o + o0) * p.out_h * p.out_w
        _strip_from_rows(dy, base, p.out_h, p.out_w, outputs, strip, 4, 4 * i, 4 * j, 4 * run)
        for q in range(run):
            source, target = address(strip, 4 * q * LANES), address(tiles, at)
            _spread(source, LINE, LANES, target, 6 * step, step, 0, _NO)
            at += p.panel
        t += run


@inner
def store_outputs(tiles, at, step, strip, y, p, g, first, count, o0, bias, least):
    """The reverse, of a panel's products to 16 outputs; ``bias`` is the address of theirs."""
    outputs, per = min(LANES, p.o - o0), p.down * p.along
    t, stop = first, first + count
    while t < stop:
        n, i, j = t // per, t % per // p.along, t % p.along
        run = min(RUN, p.along - j, stop - t)
        base = ((n * p.groups + g) * p.o + o0) * p.out_h * p.out_w
        for q in range(run):
            source, target = address(tiles, at), address(strip, 4 * q * LANES)
            _output(source, 6 * step, step, target, LINE, LANES, bias, least)
            at += p.panel
        width = min(4 * run, p.out_w - 4 * j)
        for a in range(min(4, p.out_h - 4 * i)):
            for b in range(0, width, LANES):
                target = address(y, base + (4 * i + a) * p.out_w + 4 * j + b)
                rows_from_lanes(
                    address(strip, a * LINE + b * LANES),
                    *(target, p.out_h * p.out_w, outputs, min(LANES, width - b)),
                )
        t += run


@inner
def share_inputs(x, work, share, p):
    """A worker's part of the channels of all tiles, for all workers."""
    parts = p.c16 // LANES
    units, space = p.groups * parts, work[p.common + share * p.own :]
    for unit in range(units * share // p.workers, units * (share + 1) // p.workers):
        g, c0 = unit // parts, unit % parts * LANES
        at = g * p.inputs + c0
        load_inputs(x, space, work, at, p.tiles * p.c16, p, g, 0, p.tiles, c0)
