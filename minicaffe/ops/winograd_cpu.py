"""3x3 convolution on the CPU by Winograd's method: the outputs, and the gradient of the input.

A worker takes tiles into the transformed domain, multiplies there and brings the products back
while they are in its core's cache; ``winograd_sizes_cpu`` says who has what. In the kernels
``p`` is the ``Sizes``; arrays are flat.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.blas_cpu import gemm
from minicaffe.ops.numba_cpu import inner, kernel, prange, threads
from minicaffe.ops.scratch_cpu import scratch
from minicaffe.ops.vectors_cpu import LANES, address
from minicaffe.ops.winograd_grad_cpu import winograd_grad_weights
from minicaffe.ops.winograd_sizes_cpu import PARTS, sizes
from minicaffe.ops.winograd_tiles_cpu import load_inputs, share_inputs, store_outputs
from minicaffe.ops.winograd_weights_cpu import load_weights


def winograd(
    x: Array,
    w: Array,
    bias: Array | None,
    y: Array,
    pad: tuple[int, ...],
    relu: bool = False,
    shared: bool | None = None,
) -> None:
    """``winograd.winograd``, for C-contiguous float32 arrays, none empty.

    ``shared`` is that of ``sizes``.
    """
    _run(x, w, bias, y, pad, x.shape[1] // w.shape[1], relu, "product", shared)


def winograd_grad_data(
    w: Array, dy: Array, dx: Array, pad: tuple[int, ...], shared: bool | None = None
) -> None:
    """``winograd.winograd_grad_data``, as ``winograd``."""
    down, along = pad
    groups = dx.shape[1] // w.shape[1]
    _run(dy, w, None, dx, (2 - down, 2 - along), groups, False, "flipped", shared)


def _run(x, w, bias, y, pad, groups, relu, kind, shared):
    p = sizes(x.shape, y.shape[1], groups, pad, threads(), kind, shared)
    before = p.common + p.workers * p.own
    work = scratch(before + groups * p.o16, x.dtype)
    terms = work[before:]
    terms[:] = 0
    if bias is not None:
        terms.reshape(groups, p.o16)[:, : p.o] = bias.reshape(groups, p.o)
    least = np.float32(0 if relu else -np.inf)
    arrays = x.reshape(-1), w.reshape(-1), terms, least, y.reshape(-1), work
    _forward(*arrays, True, p)
    _forward(*arrays, False, p)


@kernel
def _forward(x, w, terms, least, y, work, first, p):
    """First what all workers share, then the rest: one loop, which is compiled once."""
    for share in prange(p.workers):
        if first and p.shared:
            share_inputs(x, work, share, p)
        elif first:
            _share_weights(w, work, share, p)
        elif p.shared:
            _own_outputs(w, terms, least, y, work, share, p)
        else:
            _own_tiles(x, terms, least, y, work, share, p)


@inner
def _share_weights(w, work, share, p):
    """A worker's part of the outputs of all weights, for all workers."""
    parts = p.o16 // LANES
    units, space = p.groups * parts, work[p.common + share * p.own :]
    for unit in range(units * share // p.workers, units * (share + 1) // p.workers):
        g, o = unit // parts, unit % parts * LANES
        at = (g * p.panels + o // p.panel) * p.weights + o % p.panel
        load_weights(w, space, work, at, p.c * p.panel, p.panel, p, g, o)


@inner
def _own_tiles(x, terms, least, y, work, share, p):
    """A worker's blocks of tiles, from input to output."""
    space = work[p.common + share * p.own :]
    tiles, step, blocks = space[p.strip + p.products :], p.block * p.c16, -(-p.tiles // p.block)
    units = p.groups * blocks
    for unit in range(units * share // p.workers, units * (share + 1) // p.workers):
        g, first = unit // blocks, unit % blocks * p.block
        count = min(p.block, p.tiles - first)
        for c0 in range(0, p.c, LANES):
            load_inputs(x, space, tiles, c0, step, p, g, first, count, c0)
        for panel in range(p.panels):
            weights = work[(g * p.panels + panel) * p.weights :]
            outputs = terms, least, y, p, g, first, count, panel * p.panel
            _multiply(tiles, 0, step, weights, space, *outputs)


@inner
def _own_outputs(w, terms, least, y, work, share, p):
    """A worker's panels of outputs, of all tiles."""
    space = work[p.common + share * p.own :]
    weights, step, units = space[p.strip + p.products :], p.tiles * p.c16, p.groups * p.panels
    for unit in range(units * share // p.workers, units * (share + 1) // p.workers):
        g, o0 = unit // p.panels, unit % p.panels * p.panel
        for o in range(o0, min(o0 + p.panel, p.o16), LANES):
            load_weights(w, space, weights, o - o0, p.c * p.panel, p.panel, p, g, o)
        for first in range(0, p.tiles, p.block):
            outputs = terms, least, y, p, g, first, min(p.block, p.tiles - first), o0
            _multiply(work, g * p.inputs + first * p.c16, step, weights, space, *outputs)


@inner
def _multiply(tiles, at, step, weights, space, terms, least, y, p, g, first, count, o0):
    """A block of tiles and a panel of weights to outputs."""
    width, apart = min(p.panel, p.o16 - o0), p.block * p.panel
    products = space[p.strip :]
    for z in range(PARTS):
        gemm(
            *(False, False, count, width, p.c, 1.0, tiles, at + z * step, p.c16),
            *(weights, z * p.c * p.panel, p.panel, 0.0, products, z * apart, p.panel),
        )
    for o in range(0, width, LANES):
        term = address(terms, g * p.o16 + o0 + o)
        store_outputs(products, o, apart, space, y, p, g, first, count, o0 + o, term, least)


__all__ = ["winograd", "winograd_grad_data", "winograd_grad_weights"]
