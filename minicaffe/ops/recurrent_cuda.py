"""Recurrence on the GPU: a step is one product, added to what is there, and one kernel."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.blas_cuda import add_product
from minicaffe.ops.cublas import matmul
from minicaffe.ops.cuda import Kernel

_SOURCE = """
__device__ T sigmoid_of(T x) { return (T)0.5 * tanh((T)0.5 * x) + (T)0.5; }

// A step after its product. What the next one reads goes to input, but after the last, whose states
// go to h_last and c_last. x may be gates.
extern "C" __global__ void lstm_step(
    I count, I units, const T* x, T* gates, const T* cont, const T* c_prev, T* c, T* h,
    const T* next_cont, T* input, T* h_last, T* c_last
) {
    const I at = (I)blockIdx.x * THREADS + threadIdx.x;
    if (at >= count) return;
    const I n = at / units, first = n * 4 * units + at % units;
    const T *from = x ? x : gates;
    const T i = sigmoid_of(from[first]), f = sigmoid_of(from[first + units]);
    const T o = sigmoid_of(from[first + 2 * units]), g = tanh(from[first + 3 * units]);
    const T cell = cont[n] * f * c_prev[at] + i * g, hidden = o * tanh(cell);
    gates[first] = i;
    gates[first + units] = f;
    gates[first + 2 * units] = o;
    gates[first + 3 * units] = g;
    c[at] = cell;
    h[at] = hidden;
    if (next_cont) input[at] = next_cont[n] * hidden;
    if (h_last) { h_last[at] = hidden; c_last[at] = cell; }
}
// through: what the next step hands back, before its cont. Without dc there is none.
extern "C" __global__ void lstm_step_grad(
    I count, I units, const T* cont, const T* c_prev, const T* gates, const T* c, const T* dc,
    const T* dh, const T* next_cont, const T* through, T* dx, T* dc_prev
) {
    const I at = (I)blockIdx.x * THREADS + threadIdx.x;
    if (at >= count) return;
    const I n = at / units, first = n * 4 * units + at % units;
    const T i = gates[first], f = gates[first + units];
    const T o = gates[first + 2 * units], g = gates[first + 3 * units];
    const T bent = tanh(c[at]), kept = cont[n] * f;
    const T down = dh[at] + (through ? next_cont[n] * through[at] : (T)0);
    const T cell = (dc ? dc[at] : (T)0) + down * o * (1 - bent * bent);
    dx[first] = cell * g * i * (1 - i);
    dx[first + units] = cell * c_prev[at] * kept * (1 - f);
    dx[first + 2 * units] = down * bent * o * (1 - o);
    dx[first + 3 * units] = cell * i * (1 - g * g);
    dc_prev[at] = cell * kept;
}
// what the first step reads of the state before it
extern "C" __global__ void begin(I count, I units, const T* cont, const T* h, T* input) {
    const I at = (I)blockIdx.x * THREADS + threadIdx.x;
    if (at < count) input[at] = cont[at / units] * h[at];
}
extern "C" __global__ void rnn_step(
    I count, I units, T* state, const T* next_cont, T* input, T* h_last
) {
    const I at = (I)blockIdx.x * THREADS + threadIdx.x;
    if (at >= count) return;
    const T hidden = tanh(state[at]);
    state[at] = hidden;
    if (next_cont) input[at] = next_cont[at / units] * hidden;
    if (h_last) h_last[at] = hidden;
}
extern "C" __global__ void rnn_step_grad(
    I count, I units, const T* state, const T* next_cont, const T* through, T* dstate
) {
    const I at = (I)blockIdx.x * THREADS + threadIdx.x;
    if (at >= count) return;
    const T down = dstate[at] + (through ? next_cont[at / units] * through[at] : (T)0);
    dstate[at] = down * (1 - state[at] * state[at]);
}
"""
_lstm_step, _lstm_step_grad = Kernel("lstm_step", _SOURCE), Kernel("lstm_step_grad", _SOURCE)
_rnn_step, _rnn_step_grad = Kernel("rnn_step", _SOURCE), Kernel("rnn_step_grad", _SOURCE)
_begin = Kernel("begin", _SOURCE)


def lstm_unit(x: Array, cont: Array, c_prev: Array, gates: Array, c: Array, h: Array) -> None:
    """``recurrent.lstm_unit``."""
    given = None if x is gates else x
    nothing = None, None, None, None
    _lstm_step(c.size, c.shape[1], given, gates, cont, c_prev, c, h, *nothing)


def lstm_unit_grad(
    cont: Array,
    c_prev: Array,
    gates: Array,
    c: Array,
    dc: Array,
    dh: Array,
    dx: Array,
    dc_prev: Array,
) -> None:
    """``recurrent.lstm_unit_grad``."""
    args = cont, c_prev, gates, c, dc, dh, None, None, dx, dc_prev
    _lstm_step_grad(c.size, c.shape[1], *args)


def lstm(
    cont: Array,
    w: Array,
    h: Array,
    c: Array,
    gates: Array,
    inputs: Array,
    cells: Array,
    y: Array,
) -> None:
    """``recurrent.lstm``."""
    size, last = (h.size, h.shape[1]), len(y) - 1
    cells[0] = c
    _begin(*size, cont[0], h, inputs[0])
    for t in range(len(y)):
        add_product(inputs[t], w, gates[t], turn_b=True)
        after = (cont[t + 1], inputs[t + 1], None, None) if t < last else (None, None, h, c)
        _lstm_step(*size, None, gates[t], cont[t], cells[t], cells[t + 1], y[t], *after)


def lstm_grad(cont: Array, w: Array, gates: Array, cells: Array, dy: Array, dgates: Array) -> None:
    """``recurrent.lstm_grad``."""
    import cupy

    shape = dy.shape[1:]
    dc, through = cupy.empty(shape, dy.dtype), cupy.empty(shape, dy.dtype)
    size, last = (dc.size, shape[1]), len(dy) - 1
    for t in reversed(range(len(dy))):
        above: tuple[Array | None, ...] = None, None
        if t < last:
            matmul(cupy, dgates[t + 1], w, out=through)
            above = cont[t + 1], through
        known = cont[t], cells[t], gates[t], cells[t + 1], dc if t < last else None
        _lstm_step_grad(*size, *known, dy[t], *above, dgates[t], dc)


def rnn(cont: Array, w: Array, h: Array, states: Array, inputs: Array) -> None:
    """``recurrent.rnn``."""
    size, last = (h.size, h.shape[1]), len(states) - 1
    _begin(*size, cont[0], h, inputs[0])
    for t in range(len(states)):
        add_product(inputs[t], w, states[t], turn_b=True)
        after = (cont[t + 1], inputs[t + 1], None) if t < last else (None, None, h)
        _rnn_step(*size, states[t], *after)


def rnn_grad(cont: Array, w: Array, states: Array, dstates: Array) -> None:
    """``recurrent.rnn_grad``."""
    import cupy

    through = cupy.empty(states.shape[1:], states.dtype)
    size, last = (through.size, states.shape[2]), len(states) - 1
    for t in reversed(range(len(states))):
        above: tuple[Array | None, ...] = None, None
        if t < last:
            matmul(cupy, dstates[t + 1], w, out=through)
            above = cont[t + 1], through
        _rnn_step_grad(*size, states[t], *above, dstates[t])
