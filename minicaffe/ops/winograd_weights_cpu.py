"""Weights to the domain of Winograd's products, and their gradients back from there.

Transformed weights are (36, channel, output), 16 outputs at a time.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.columns_cpu import add
from minicaffe.ops.numba_cpu import inner
from minicaffe.ops.vectors_cpu import LANES, address, both_ways, lanes_from_rows, rows_from_lanes
from minicaffe.ops.winograd_sizes_cpu import CHUNK, TAPS

_NO = np.float32(0)


def _weight_line(g):
    s, q = (-1 / 6) * (g[0] + g[2]), (1 / 6) * g[1]
    even, odd = (1 / 24) * g[0] + (1 / 6) * g[2], (1 / 12) * g[1]
    return (1 / 4) * g[0], s - q, s + q, even + odd, even - odd, g[2]


def _collect_line(u):
    """The transpose of ``_weight_line``."""
    s, d, s4, d4 = u[1] + u[2], u[2] - u[1], u[3] + u[4], u[3] - u[4]
    return (
        (1 / 4) * u[0] - (1 / 6) * s + (1 / 24) * s4,
        (1 / 6) * d + (1 / 12) * d4,
        (1 / 6) * (s4 - s) + u[5],
    )


_weights = both_ways(_weight_line, 3)
_collect = both_ways(_collect_line, 6)


@inner
def load_weights(w, space, to, at, step, line, p, g, o0):
    """16 outputs from ``o0`` of group ``g`` on; ``line`` elements from channel to channel."""
    lanes = min(LANES, p.o - o0)
    if p.flip:  # of the outputs and channels of w the one is the other here
        for c in range(p.c):
            base = ((g * p.c + c) * p.o + o0) * TAPS
            lanes_from_rows(address(w, base), TAPS, lanes, TAPS, address(space, 0))
            last, target = address(space, (TAPS - 1) * LANES), address(to, at + c * line)
            _weights(last, -3 * LANES, -LANES, target, 6 * step, step, 0, _NO)
        return
    for c0 in range(0, p.c, CHUNK):
        count = min(CHUNK, p.c - c0) * TAPS
        base = ((g * p.o + o0) * p.c + c0) * TAPS
        for j in range(0, count, LANES):
            target = address(space, j * LANES)
            source = address(w, base + j)
            lanes_from_rows(source, p.c * TAPS, lanes, min(LANES, count - j), target)
        for c in range(count // TAPS):
            target = address(to, at + (c0 + c) * line)
            source = address(space, c * TAPS * LANES)
            _weights(source, 3 * LANES, LANES, target, 6 * step, step, 0, _NO)


@inner
def add_gradients(sums, at, step, line, space, dw, p, g, o0):
    """The reverse: 16 outputs' transformed gradients are added to those of the weights."""
    lanes, half = min(LANES, p.o - o0), CHUNK * TAPS * LANES
    for c0 in range(0, p.c, CHUNK):
        count = min(CHUNK, p.c - c0) * TAPS
        for c in range(count // TAPS):
            source = address(sums, at + (c0 + c) * line)
            target = address(space, c * TAPS * LANES)
            _collect(source, 6 * step, step, target, 3 * LANES, LANES, 0, _NO)
        for j in range(0, count, LANES):
            target = address(space, half + j)
            rows_from_lanes(address(space, j * LANES), target, CHUNK * TAPS, LANES, LANES)
        for o in range(lanes):
            source = half + o * CHUNK * TAPS
            add(space, source, dw, ((g * p.o + o0 + o) * p.c + c0) * TAPS, 1, count)
