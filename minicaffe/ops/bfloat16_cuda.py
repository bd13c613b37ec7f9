"""Rounding to bfloat16 and back: the upper half of a float32, to nearest, ties to even.

CuPy has no arrays of it here: two lie in an unsigned, the earlier one in its lower half, which is
their order in memory.
"""

from __future__ import annotations

from math import prod

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.cuda import Kernel

_SOURCE = """
union Bits { float number; unsigned bits; };
__device__ unsigned half_of(float x) {
    Bits u;
    u.number = x;
    if (x != x) return u.bits >> 16 | 0x40;  // a NaN that its lower half alone tells stays one
    return (u.bits + 0x7FFF + (u.bits >> 16 & 1)) >> 16;
}
extern "C" __global__ void narrow(I count, const float* x, I size, unsigned* pairs) {
    const I i = (I)blockIdx.x * THREADS + threadIdx.x;
    if (i >= count) return;
    const unsigned upper = 2 * i + 1 < size ? half_of(x[2 * i + 1]) : 0;
    pairs[i] = half_of(x[2 * i]) | upper << 16;
}
extern "C" __global__ void widen(
    I count, const unsigned* pairs, float* x, bool add, const float* bias, I plane, I channels,
    bool relu
) {
    const I i = (I)blockIdx.x * THREADS + threadIdx.x;
    if (i >= count) return;
    Bits u;
    u.bits = i % 2 ? pairs[i / 2] & 0xFFFF0000u : pairs[i / 2] << 16;
    float result = add ? x[i] + u.number : u.number;
    if (bias) result += bias[i / plane % channels];
    x[i] = relu && result < 0 ? 0 : result;
}
"""
_narrow, _widen = Kernel("narrow", _SOURCE), Kernel("widen", _SOURCE)


def halves(size: int) -> Array:
    """Room for ``size`` numbers of bfloat16."""
    import cupy

    return cupy.empty((size + 1) // 2, np.uint32)


def narrow(x: Array) -> Array:
    """``x``, of float32, rounded, in the order of its elements."""
    pairs = halves(x.size)
    _narrow(pairs.size, x, x.size, pairs)
    return pairs


def widen(pairs: Array, y: Array, bias: Array | None = None, relu: bool = False) -> None:
    """Fill ``y`` (N, C, \\*size) from ``pairs``, with ``bias`` (C,) and ReLU after; NaN stays."""
    _widen(y.size, pairs, y, False, bias, max(1, prod(y.shape[2:])), y.shape[1], relu)


def add_widened(pairs: Array, y: Array) -> None:
    """Add the numbers of ``pairs`` to ``y``."""
    _widen(y.size, pairs, y, True, None, 1, 1, False)
