"""Gated recurrence on the GPU: a step is two products, and a kernel after each.

The gates lie side by side, and what a product reads or writes is copied by the kernels around it
to where it is by itself: cuBLAS would have it copied otherwise.
"""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.blas_cuda import add_product
from minicaffe.ops.cublas import matmul
from minicaffe.ops.cuda import Kernel

_SOURCE = """
// A thread a unit of a sequence: number at, d of its units, with the gates from first on.
#define UNIT \\
    const I at = (I)blockIdx.x * THREADS + threadIdx.x; \\
    if (at >= count) return; \\
    const I n = at / units, d = at % units, first = n * (split + units) + d;

__device__ T sigmoid_of(T x) { return (T)0.5 * tanh((T)0.5 * x) + (T)0.5; }

// what the first step reads of the state before it
extern "C" __global__ void begin_gated(I count, I units, const T* cont, const T* h, T* hidden) {
    const I at = (I)blockIdx.x * THREADS + threadIdx.x;
    if (at < count) hidden[at] = cont[at / units] * h[at];
}
// z and r, which are one where split is units; more is the product that is added to them
extern "C" __global__ void gated_open(
    I count, I units, I split, const T* more, const T* hidden, T* gates, T* reset
) {
    UNIT
    const T z = sigmoid_of(gates[first] + more[n * split + d]);
    T r = z;
    if (split > units) {
        r = sigmoid_of(gates[first + units] + more[n * split + units + d]);
        gates[first + units] = r;
    }
    gates[first] = z;
    reset[at] = r * hidden[at];
}
// what the next step reads goes to next_hidden; after the last, the state to h_last
extern "C" __global__ void gated_step(
    I count, I units, I split, const T* more, const T* hidden, T* gates, T* y,
    const T* next_cont, T* next_hidden, T* h_last
) {
    UNIT
    const T g = tanh(gates[first + split] + more[at]), before = hidden[at];
    gates[first + split] = g;
    const T state = before + gates[first] * (g - before);
    y[at] = state;
    if (next_cont) next_hidden[at] = next_cont[n] * state;
    if (h_last) h_last[at] = state;
}
// through: what the next step hands back, before its cont; it is overwritten by that for h
extern "C" __global__ void gated_step_grad(
    I count, I units, I split, const T* gates, const T* dy, const T* next_cont, T* through,
    T* dgates, T* dg
) {
    UNIT
    const T dh = dy[at] + (next_cont ? next_cont[n] * through[at] : (T)0);
    const T g = gates[first + split], down = dh * gates[first] * (1 - g * g);
    through[at] = dh;
    dgates[first + split] = down;
    dg[at] = down;
}
// dopen: as dgates has it for z and r; through: that for h, overwritten by what h gets of it here
extern "C" __global__ void gated_open_grad(
    I count, I units, I split, const T* gates, const T* hidden, const T* dreset, T* through,
    T* dgates, T* dopen
) {
    UNIT
    const bool apart = split > units;
    const T z = gates[first], r = apart ? gates[first + units] : z;
    const T before = hidden[at], dh = through[at];
    T dz = dh * (gates[first + split] - before) * z * (1 - z);
    const T dr = dreset[at] * before * r * (1 - r);
    if (apart) {
        dgates[first + units] = dr;
        dopen[n * split + units + d] = dr;
    } else {
        dz += dr;
    }
    dgates[first] = dz;
    dopen[n * split + d] = dz;
    through[at] = dh * (1 - z) + dreset[at] * r;
}
"""
_begin, _open = Kernel("begin_gated", _SOURCE), Kernel("gated_open", _SOURCE)
_step, _step_grad = Kernel("gated_step", _SOURCE), Kernel("gated_step_grad", _SOURCE)
_open_grad = Kernel("gated_open_grad", _SOURCE)


def gated(
    cont: Array, w: Array, h: Array, gates: Array, hidden: Array, reset: Array, y: Array
) -> None:
    """``gated.gated``."""
    import cupy

    (count, units), last = h.shape, len(y) - 1
    split = len(w) - units
    opening, candidate = cupy.empty((count, split), h.dtype), cupy.empty_like(h)
    sizes = h.size, units, split
    _begin(h.size, units, cont[0], h, hidden[0])
    for t in range(len(y)):
        matmul(cupy, hidden[t], w[:split].T, out=opening)
        _open(*sizes, opening, hidden[t], gates[t], reset[t])
        matmul(cupy, reset[t], w[split:].T, out=candidate)
        after = (cont[t + 1], hidden[t + 1], None) if t < last else (None, None, h)
        _step(*sizes, candidate, hidden[t], gates[t], y[t], *after)


def gated_grad(
    cont: Array, w: Array, gates: Array, hidden: Array, dy: Array, dgates: Array
) -> None:
    """``gated.gated_grad``."""
    import cupy

    (count, units), last = dy.shape[1:], len(dy) - 1
    split = len(w) - units
    through, dg, dreset = (cupy.empty((count, units), dy.dtype) for _ in range(3))
    dopen = cupy.empty((count, split), dy.dtype)
    sizes = through.size, units, split
    for t in reversed(range(len(dy))):
        above = cont[t + 1] if t < last else None
        _step_grad(*sizes, gates[t], dy[t], above, through, dgates[t], dg)
        matmul(cupy, dg, w[split:], out=dreset)
        _open_grad(*sizes, gates[t], hidden[t], dreset, through, dgates[t], dopen)
        add_product(dopen, w[:split], through)
