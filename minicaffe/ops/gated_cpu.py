"""Gated recurrence on the CPU: all steps in one kernel, as ``recurrent_cpu`` shares them.

Workers that own units meet twice in a step: the candidate needs all units of what r lets through.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.blas_cpu import gemm
from minicaffe.ops.numba_cpu import inner, kernel, prange
from minicaffe.ops.scratch_cpu import scratch
from minicaffe.ops.steps_cpu import shares as _shares
from minicaffe.ops.steps_cpu import tanh as _tanh


def gated(cont, w, h, gates, hidden, reset, y):
    """``gated.gated``."""
    np.multiply(cont[0][:, None], h, out=hidden[0])
    _gated(cont, w, gates, hidden, reset, y, *_shares(len(y), w, y.shape[1], 2))
    h[...] = y[-1]


def gated_grad(cont, w, gates, hidden, dy, dgates):
    """``gated.gated_grad``."""
    room = scratch(2 * dy[0].size, dy.dtype).reshape(2, *dy.shape[1:])
    room[...] = 0
    shared = _shares(len(dy), w, dy.shape[1], 3)
    _gated_grad(cont, w, gates, hidden, dy, dgates, room, *shared)


@kernel
def _gated(cont, w, gates, hidden, reset, y, shares, meet):
    steps, count, units = y.shape
    for t in range(steps if meet else 0):
        for share in prange(shares):
            first, stop = units * share // shares, units * (share + 1) // shares
            _lets_through(w, gates, hidden, reset, t, 0, count, first, stop)
        for share in prange(shares):
            first, stop = units * share // shares, units * (share + 1) // shares
            _state(cont, w, gates, hidden, reset, y, t, 0, count, first, stop)
    for share in prange(0 if meet else shares):
        top, bottom = count * share // shares, count * (share + 1) // shares
        for t in range(steps):
            _lets_through(w, gates, hidden, reset, t, top, bottom, 0, units)
            _state(cont, w, gates, hidden, reset, y, t, top, bottom, 0, units)


# Loops below run from 0 along slices: Numba wraps an index that may be negative, which it then
# cannot vectorize.


@inner
def _lets_through(w, gates, hidden, reset, t, top, bottom, first, stop):
    """The gates z and r, and what r lets through, of some sequences and units of a step."""
    count, units = hidden.shape[1:]
    width, half = gates.shape[2], gates.dtype.type(0.5)
    blocks, row = width // units - 1, t * count + top
    span = stop - first
    if span == units:
        blocks, span = 1, width - units
    for k in range(blocks):
        gemm(
            *(False, True, bottom - top, span, units, 1.0, hidden, row * units, units),
            *(w, (k * units + first) * units, units),
            *(1.0, gates, row * width + k * units + first, width),
        )
    for n in range(top, bottom):
        for k in range(width // units - 1):
            gate = gates[t, n, k * units + first : k * units + stop]
            for u in range(gate.size):
                gate[u] = half * _tanh(half * gate[u]) + half
        r = gates[t, n, width - 2 * units + first : width - 2 * units + stop]
        before, through = hidden[t, n, first:stop], reset[t, n, first:stop]
        for u in range(r.size):
            through[u] = r[u] * before[u]


@inner
def _state(cont, w, gates, hidden, reset, y, t, top, bottom, first, stop):
    """The candidate and the hidden state of some sequences and units of a step."""
    count, units = hidden.shape[1:]
    width, row = gates.shape[2], t * count + top
    split = width - units
    gemm(
        *(False, True, bottom - top, stop - first, units, 1.0, reset, row * units, units),
        *(w, (split + first) * units, units),
        *(1.0, gates, row * width + split + first, width),
    )
    for n in range(top, bottom):
        z, g = gates[t, n, first:stop], gates[t, n, split + first : split + stop]
        before, h = hidden[t, n, first:stop], y[t, n, first:stop]
        for u in range(z.size):
            g[u] = _tanh(g[u])
            h[u] = before[u] + z[u] * (g[u] - before[u])
        if t + 1 < len(y):
            kept, after = cont[t + 1, n], hidden[t + 1, n, first:stop]
            for u in range(h.size):
                after[u] = kept * h[u]


@kernel
def _gated_grad(cont, w, gates, hidden, dy, dgates, room, shares, meet):
    steps, count, units = dy.shape
    for turn in range(steps if meet else 0):
        t = steps - 1 - turn
        for share in prange(shares):
            first, stop = units * share // shares, units * (share + 1) // shares
            _candidate_grad(gates, dy, dgates, room, t, 0, count, first, stop)
        for share in prange(shares):
            first, stop = units * share // shares, units * (share + 1) // shares
            _gates_grad(w, gates, hidden, dgates, room, t, 0, count, first, stop)
        for share in prange(shares):
            first, stop = units * share // shares, units * (share + 1) // shares
            _before_grad(cont, w, dgates, room, t, 0, count, first, stop)
    for share in prange(0 if meet else shares):
        top, bottom = count * share // shares, count * (share + 1) // shares
        for turn in range(steps):
            t = steps - 1 - turn
            _candidate_grad(gates, dy, dgates, room, t, top, bottom, 0, units)
            _gates_grad(w, gates, hidden, dgates, room, t, top, bottom, 0, units)
            _before_grad(cont, w, dgates, room, t, top, bottom, 0, units)


@inner
def _candidate_grad(gates, dy, dgates, room, t, top, bottom, first, stop):
    """``room[0]``, what later steps send back, becomes dh; and the gradient of the candidate."""
    split = gates.shape[2] - dy.shape[2]
    one = dy.dtype.type(1)
    for n in range(top, bottom):
        dh, more = room[0, n, first:stop], dy[t, n, first:stop]
        z, g = gates[t, n, first:stop], gates[t, n, split + first : split + stop]
        dg = dgates[t, n, split + first : split + stop]
        for u in range(dh.size):
            dh[u] += more[u]
            dg[u] = dh[u] * z[u] * (one - g[u] * g[u])


@inner
def _gates_grad(w, gates, hidden, dgates, room, t, top, bottom, first, stop):
    """The gradients of z and r; ``room[0]`` becomes what goes past the gates to h'."""
    count, units = hidden.shape[1:]
    width, one = gates.shape[2], gates.dtype.type(1)
    split, row = width - units, t * count + top
    gemm(
        *(False, False, bottom - top, stop - first, units, 1.0, dgates, row * width + split, width),
        *(w, split * units + first, units, 0.0, room, (count + top) * units + first, units),
    )
    at = split - units
    for n in range(top, bottom):
        dh, dreset = room[0, n, first:stop], room[1, n, first:stop]
        before = hidden[t, n, first:stop]
        z, g = gates[t, n, first:stop], gates[t, n, split + first : split + stop]
        r, dz = gates[t, n, at + first : at + stop], dgates[t, n, first:stop]
        dr = dgates[t, n, at + first : at + stop]
        for u in range(z.size if at else 0):  # with one gate for two, dr is dz
            dr[u] = 0
        for u in range(z.size):
            dz[u] = dh[u] * (g[u] - before[u]) * z[u] * (one - z[u])
        for u in range(z.size):
            dr[u] += dreset[u] * before[u] * r[u] * (one - r[u])
            dh[u] = dh[u] * (one - z[u]) + dreset[u] * r[u]


@inner
def _before_grad(cont, w, dgates, room, t, top, bottom, first, stop):
    """``room[0]`` becomes what this step sends to the one before."""
    count, units = room.shape[1:]
    width = dgates.shape[2]
    gemm(
        *(False, False, bottom - top, stop - first, width - units, 1.0),
        *(dgates, (t * count + top) * width, width, w, first, units),
        *(1.0, room, top * units + first, units),
    )
    for n in range(top, bottom):
        kept, dh = cont[t, n], room[0, n, first:stop]
        for u in range(dh.size):
            dh[u] *= kept
