"""3x3 convolution on the CPU by Winograd's method: the gradients of weights and bias.

As ``winograd_cpu``. The gradient of a product's weights is a product too, of transformed input
and transformed gradients of the output, summed over all tiles. Each worker has sums of its own,
which are added in the workers' order, or, where the transformed input is shared, outputs of its
own.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.blas_cpu import gemm
from minicaffe.ops.numba_cpu import inner, kernel, prange, threads
from minicaffe.ops.scratch_cpu import scratch
from minicaffe.ops.vectors_cpu import LANES
from minicaffe.ops.winograd_sizes_cpu import PARTS, sizes
from minicaffe.ops.winograd_tiles_cpu import load_gradients, load_inputs, share_inputs
from minicaffe.ops.winograd_weights_cpu import add_gradients

_TOTAL = 7  # of the 36 elements of a transformed gradient, the one that is its tile's sum


def winograd_grad_weights(
    x: Array,
    dy: Array,
    dw: Array,
    dbias: Array | None,
    pad: tuple[int, ...],
    shared: bool | None = None,
) -> None:
    """``winograd.winograd_grad_weights``, for C-contiguous float32 arrays, none empty."""
    groups = x.shape[1] // dw.shape[1]
    p = sizes(x.shape, dy.shape[1], groups, pad, threads(), "gradient", shared)
    work = scratch(p.common + p.workers * p.own, dy.dtype)
    dbias = work[:0] if dbias is None else dbias
    arrays = x.reshape(-1), dy.reshape(-1), dw.reshape(-1), dbias, work
    _backward(*arrays, True, p)
    _backward(*arrays, False, p)


@kernel
def _backward(x, dy, dw, dbias, work, first, p):
    """First what all workers share or sum, then the rest: one loop, which is compiled once."""
    for share in prange(p.workers):
        if first and p.shared:
            share_inputs(x, work, share, p)
        elif first:
            _sum_tiles(x, dy, work, share, p)
        elif p.shared:
            _own_outputs(dy, dw, dbias, work, share, p)
        else:
            _collect(dw, dbias, work, share, p)


@inner
def _sum_tiles(x, dy, work, share, p):
    """A worker's own sums, of its part of the tiles."""
    space = work[share * p.own : (share + 1) * p.own]
    sums = space[p.strip + p.products :]
    tiles, step = sums[p.sums + p.groups * p.o16 :], p.block * p.c16
    sums[p.sums : p.sums + p.groups * p.o16] = 0
    begin, stop = p.tiles * share // p.workers, p.tiles * (share + 1) // p.workers
    for g in range(p.groups):
        for first in range(begin, stop, p.block):
            count = min(p.block, stop - first)
            for c0 in range(0, p.c, LANES):
                load_inputs(x, space, tiles, c0, step, p, g, first, count, c0)
            for o0 in range(0, p.o16, p.panel):
                at, block = g * PARTS * p.c * p.o16 + o0, (first > begin, p, g, first, count, o0)
                _multiply(dy, tiles, 0, step, space, sums, at, p.o16, *block)


@inner
def _collect(dw, dbias, work, share, p):
    """All workers' sums, in their order, for a part of the outputs."""
    parts = p.o16 // LANES
    units, space = p.groups * parts, work[share * p.own :]
    for unit in range(units * share // p.workers, units * (share + 1) // p.workers):
        g, o0 = unit // parts, unit % parts * LANES
        for other in range(p.workers):
            sums = work[other * p.own + p.strip + p.products :]
            at, step = g * PARTS * p.c * p.o16 + o0, p.c * p.o16
            add_gradients(sums, at, step, p.o16, space, dw, p, g, o0)
            _add_totals(sums, dbias, p, g, o0, LANES)


@inner
def _own_outputs(dy, dw, dbias, work, share, p):
    """A worker's panels of outputs, of all tiles."""
    space = work[p.common + share * p.own : p.common + (share + 1) * p.own]
    sums, step, units = space[p.strip + p.products :], p.tiles * p.c16, p.groups * p.panels
    sums[p.sums :] = 0
    for unit in range(units * share // p.workers, units * (share + 1) // p.workers):
        g, o0 = unit // p.panels, unit % p.panels * p.panel
        for first in range(0, p.tiles, p.block):
            count, at = min(p.block, p.tiles - first), g * p.inputs + first * p.c16
            block = first > 0, p, g, first, count, o0
            _multiply(dy, work, at, step, space, sums, 0, p.panel, *block)
        for o in range(0, min(p.panel, p.o16 - o0), LANES):
            add_gradients(sums, o, p.c * p.panel, p.panel, space, dw, p, g, o0 + o)
        _add_totals(sums, dbias, p, g, o0, p.panel)


@inner
def _multiply(dy, tiles, at, step, space, sums, sums_at, line, more, p, g, first, count, o0):
    """What a block of tiles adds to the sums of a panel; ``line`` is from channel to channel."""
    width, apart, beta = min(p.panel, p.o16 - o0), p.block * p.panel, 1.0 if more else 0.0
    grads = space[p.strip :]
    for o in range(0, width, LANES):
        load_gradients(dy, space, grads, o, apart, p, g, first, count, o0 + o)
    for z in range(PARTS):
        gemm(
            *(True, False, p.c, width, count, 1.0, tiles, at + z * step, p.c16),
            *(grads, z * apart, p.panel, beta, sums, sums_at + z * p.c * line, line),
        )
    totals = sums[p.sums + g * p.o16 + o0 :]
    for t in range(count):
        row = grads[_TOTAL * apart + t * p.panel :]
        for o in range(width):
            totals[o] += row[o]


@inner
def _add_totals(sums, dbias, p, g, o0, count):
    if dbias.size:
        for o in range(o0, min(o0 + count, p.o)):
            dbias[g * p.o + o] += sums[p.sums + g * p.o16 + o]
