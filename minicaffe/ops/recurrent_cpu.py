"""Recurrence on the CPU: all steps in one kernel, the products of a step by blocks of units.

Each worker owns some units, and the part of the weights that makes them stays in its cache from
step to step; the workers meet after each. Where a step is too little work for that, they own
sequences instead, and never meet.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.blas_cpu import gemm
from minicaffe.ops.numba_cpu import inner, kernel, prange
from minicaffe.ops.scratch_cpu import scratch
from minicaffe.ops.steps_cpu import shares as _shares
from minicaffe.ops.steps_cpu import tanh as _tanh


def lstm_unit(x, cont, c_prev, gates, c, h):
    """``recurrent.lstm_unit``."""
    gates[...] = x
    _unit(cont, c_prev, gates, c, h)


def lstm_unit_grad(cont, c_prev, gates, c, dc, dh, dx, dc_prev):
    """``recurrent.lstm_unit_grad``."""
    dc_prev[...] = dc
    _unit_grad(cont, c_prev, gates, c, dc_prev, dh, dx)


def lstm(cont, w, h, c, gates, inputs, cells, y):
    """``recurrent.lstm``."""
    cells[0] = c
    np.multiply(cont[0][:, None], h, out=inputs[0])
    _lstm(cont, w, gates, inputs, cells, y, *_shares(len(y), w, y.shape[1]))
    h[...], c[...] = y[-1], cells[-1]


def lstm_grad(cont, w, gates, cells, dy, dgates):
    """``recurrent.lstm_grad``."""
    room = scratch(2 * dy[0].size, dy.dtype).reshape(2, *dy.shape[1:])
    room[...] = 0
    _lstm_grad(cont, w, gates, cells, dy, dgates, room, *_shares(len(dy), w, dy.shape[1]))


def rnn(cont, w, h, states, inputs):
    """``recurrent.rnn``."""
    np.multiply(cont[0][:, None], h, out=inputs[0])
    _rnn(cont, w, states, inputs, *_shares(len(states), w, h.shape[0]))
    h[...] = states[-1]


def rnn_grad(cont, w, states, dstates):
    """``recurrent.rnn_grad``."""
    room = scratch(states[0].size, states.dtype).reshape(states.shape[1:])
    room[...] = 0
    _rnn_grad(cont, w, states, dstates, room, *_shares(len(states), w, states.shape[1]))


@inner
def _part(turn, steps, count, units, share, shares, meet):
    """What a worker does in a turn: from step to step, sequence to sequence, unit to unit."""
    if meet:
        return turn, turn + 1, 0, count, units * share // shares, units * (share + 1) // shares
    return 0, steps, count * share // shares, count * (share + 1) // shares, 0, units


# Loops below run from 0 along slices: Numba wraps an index that may be negative, which it then
# cannot vectorize.


@inner
def _four(row, first, stop):
    """Of a row of gates, the part of each that belongs to the units from ``first`` to ``stop``."""
    units = row.size // 4
    return (
        row[first:stop],
        row[units + first : units + stop],
        row[2 * units + first : 2 * units + stop],
        row[3 * units + first : 3 * units + stop],
    )


@inner
def _cell(kept, c_prev, gates, c, h, first, stop):
    """``lstm_unit`` for the units from ``first`` to ``stop`` of a row, in place."""
    half = c.dtype.type(0.5)
    i, f, o, g = _four(gates, first, stop)
    c_prev, c, h = c_prev[first:stop], c[first:stop], h[first:stop]
    for u in range(c.size):
        i[u] = half * _tanh(half * i[u]) + half
        f[u] = half * _tanh(half * f[u]) + half
        o[u] = half * _tanh(half * o[u]) + half
        g[u] = _tanh(g[u])
    for u in range(c.size):
        value = kept * f[u] * c_prev[u] + i[u] * g[u]
        c[u] = value
        h[u] = o[u] * _tanh(value)


@inner
def _cell_grad(kept, c_prev, gates, c, dc, dh, dx, first, stop):
    """``lstm_unit_grad`` for the units from ``first`` to ``stop`` of a row; dc in place."""
    one = c.dtype.type(1)
    i, f, o, g = _four(gates, first, stop)
    di, df, do, dg = _four(dx, first, stop)
    c_prev, c, dc, dh = c_prev[first:stop], c[first:stop], dc[first:stop], dh[first:stop]
    for u in range(c.size):
        tanh = _tanh(c[u])
        through = dc[u] + dh[u] * o[u] * (one - tanh * tanh)
        do[u] = dh[u] * tanh * o[u] * (one - o[u])
        di[u] = through * g[u] * i[u] * (one - i[u])
        dg[u] = through * i[u] * (one - g[u] * g[u])
        df[u] = through * c_prev[u] * kept * f[u] * (one - f[u])
        dc[u] = through * kept * f[u]


@inner
def _scaled(x, factor, y, first, stop):
    x, y = x[first:stop], y[first:stop]
    for u in range(x.size):
        y[u] = factor * x[u]


@inner
def _unit(cont, c_prev, gates, c, h):
    for n in range(len(c)):
        _cell(cont[n], c_prev[n], gates[n], c[n], h[n], 0, c.shape[1])


@inner
def _unit_grad(cont, c_prev, gates, c, dc, dh, dx):
    for n in range(len(c)):
        _cell_grad(cont[n], c_prev[n], gates[n], c[n], dc[n], dh[n], dx[n], 0, c.shape[1])


@kernel
def _lstm(cont, w, gates, inputs, cells, y, shares, meet):
    steps, count, units = y.shape
    rounds = steps if meet else 1
    for turn in range(rounds):
        for share in prange(shares):
            part = _part(turn, steps, count, units, share, shares, meet)
            _lstm_steps(cont, w, gates, inputs, cells, y, *part)


@inner
def _lstm_steps(cont, w, gates, inputs, cells, y, start, end, top, bottom, first, stop):
    count, units = y.shape[1:]
    if stop - first == units:
        blocks, width = 1, 4 * units
    else:
        blocks, width = 4, stop - first
    for t in range(start, end):
        row = t * count + top
        for k in range(blocks):
            gemm(
                *(False, True, bottom - top, width, units, 1.0, inputs, row * units, units),
                *(w, (k * units + first) * units, units),
                *(1.0, gates, 4 * row * units + k * units + first, 4 * units),
            )
        for n in range(top, bottom):
            h = y[t, n]
            _cell(cont[t, n], cells[t, n], gates[t, n], cells[t + 1, n], h, first, stop)
            if t + 1 < len(y):
                _scaled(h, cont[t + 1, n], inputs[t + 1, n], first, stop)


@kernel
def _lstm_grad(cont, w, gates, cells, dy, dgates, room, shares, meet):
    steps, count, units = dy.shape
    rounds = steps if meet else 1
    for turn in range(rounds):
        for share in prange(shares):
            part = _part(rounds - 1 - turn, steps, count, units, share, shares, meet)
            _lstm_grad_steps(cont, w, gates, cells, dy, dgates, room, *part)


@inner
def _lstm_grad_steps(cont, w, gates, cells, dy, dgates, room, start, end, top, bottom, first, stop):
    count, units = dy.shape[1:]
    for t in range(end - 1, start - 1, -1):
        last = t + 1 == len(dy)
        if not last:
            gemm(
                *(False, False, bottom - top, stop - first, 4 * units, 1.0),
                *(dgates, 4 * ((t + 1) * count + top) * units, 4 * units, w, first, units),
                *(0.0, room, top * units + first, units),
            )
        for n in range(top, bottom):
            kept = dy.dtype.type(0) if last else cont[t + 1, n]
            dh, dy_part = room[0, n], dy[t, n, first:stop]
            through = dh[first:stop]
            for u in range(through.size):
                through[u] = dy_part[u] + kept * through[u]
            _cell_grad(
                *(cont[t, n], cells[t, n], gates[t, n], cells[t + 1, n], room[1, n], dh),
                *(dgates[t, n], first, stop),
            )


@kernel
def _rnn(cont, w, states, inputs, shares, meet):
    steps, count, units = states.shape
    rounds = steps if meet else 1
    for turn in range(rounds):
        for share in prange(shares):
            part = _part(turn, steps, count, units, share, shares, meet)
            _rnn_steps(cont, w, states, inputs, *part)


@inner
def _rnn_steps(cont, w, states, inputs, start, end, top, bottom, first, stop):
    count, units = states.shape[1:]
    for t in range(start, end):
        row = t * count + top
        gemm(
            *(False, True, bottom - top, stop - first, units, 1.0, inputs, row * units, units),
            *(w, first * units, units, 1.0, states, row * units + first, units),
        )
        for n in range(top, bottom):
            h = states[t, n]
            part = h[first:stop]
            for u in range(part.size):
                part[u] = _tanh(part[u])
            if t + 1 < len(states):
                _scaled(h, cont[t + 1, n], inputs[t + 1, n], first, stop)


@kernel
def _rnn_grad(cont, w, states, dstates, room, shares, meet):
    steps, count, units = states.shape
    rounds = steps if meet else 1
    for turn in range(rounds):
        for share in prange(shares):
            part = _part(rounds - 1 - turn, steps, count, units, share, shares, meet)
            _rnn_grad_steps(cont, w, states, dstates, room, *part)


@inner
def _rnn_grad_steps(cont, w, states, dstates, room, start, end, top, bottom, first, stop):
    count, units = states.shape[1:]
    one = states.dtype.type(1)
    for t in range(end - 1, start - 1, -1):
        last = t + 1 == len(states)
        if not last:
            gemm(
                *(False, False, bottom - top, stop - first, units, 1.0),
                *(dstates, ((t + 1) * count + top) * units, units, w, first, units),
                *(0.0, room, top * units + first, units),
            )
        for n in range(top, bottom):
            kept = states.dtype.type(0) if last else cont[t + 1, n]
            dh, h, through = (
                dstates[t, n, first:stop],
                states[t, n, first:stop],
                room[n, first:stop],
            )
            for u in range(h.size):
                dh[u] = (dh[u] + kept * through[u]) * (one - h[u] * h[u])
