"""Recurrence over time: what comes after the product of all steps' inputs with their weights.

Arrays have the axes (T, N, D): steps, sequences side by side, units. ``cont`` (T, N) is 0 where
a sequence begins, so that nothing of the one before it is seen, else 1.
"""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.cublas import matmul
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.recurrent_cpu")
def lstm_unit(
    xp: ModuleType, x: Array, cont: Array, c_prev: Array, gates: Array, c: Array, h: Array
) -> None:
    """One step of long short-term memory, after the products with the weights.

    Args:
        xp: array module of the others.
        x: (N, 4D), the gates i, f, o, g before their activations.
        cont: (N,).
        c_prev: (N, D).
        gates: as ``x``, written: the gates; may be ``x``.
        c: as ``c_prev``, written: ``cont f c_prev + i g``.
        h: as ``c_prev``, written: ``o tanh(c)``.
    """
    units = c.shape[1]
    gates[:, : 3 * units] = 0.5 * xp.tanh(0.5 * x[:, : 3 * units]) + 0.5
    gates[:, 3 * units :] = xp.tanh(x[:, 3 * units :])
    i, f, o, g = _gates(gates)
    c[...] = cont[:, None] * f * c_prev + i * g
    h[...] = o * xp.tanh(c)


@compiled_in("minicaffe.ops.recurrent_cpu")
def lstm_unit_grad(
    xp: ModuleType,
    cont: Array,
    c_prev: Array,
    gates: Array,
    c: Array,
    dc: Array,
    dh: Array,
    dx: Array,
    dc_prev: Array,
) -> None:
    """The gradient of ``lstm_unit``.

    Args:
        xp: array module of the others.
        cont: (N,).
        c_prev: (N, D).
        gates: (N, 4D), what ``lstm_unit`` wrote.
        c: as ``c_prev``, what ``lstm_unit`` wrote.
        dc: as ``c_prev``.
        dh: as ``c_prev``.
        dx: as ``gates``, written.
        dc_prev: as ``c_prev``, written; may be ``dc``.
    """
    i, f, o, g = _gates(gates)
    di, df, do, dg = _gates(dx)
    tanh = xp.tanh(c)
    through = dc + dh * o * (1 - tanh * tanh)
    kept = cont[:, None] * f
    di[...] = through * g * i * (1 - i)
    df[...] = through * c_prev * kept * (1 - f)
    do[...] = dh * tanh * o * (1 - o)
    dg[...] = through * i * (1 - g * g)
    dc_prev[...] = through * kept


@compiled_in("minicaffe.ops.recurrent_cpu")
def lstm(
    xp: ModuleType,
    cont: Array,
    w: Array,
    h: Array,
    c: Array,
    gates: Array,
    inputs: Array,
    cells: Array,
    y: Array,
) -> None:
    """Long short-term memory over all steps.

    Args:
        xp: array module of the others.
        cont: (T, N).
        w: (4D, D), from the hidden state to the gates i, f, o, g.
        h: (N, D), the hidden state: that of before, overwritten by that of the last step.
        c: as ``h``: the cell state.
        gates: (T, N, 4D): what the gates get from the input, overwritten by the gates.
        inputs: (T, N, D), written: the hidden state that each step reads, ``cont h``.
        cells: (T + 1, N, D), written: the cell state before and after each step.
        y: (T, N, D), written: the hidden state after each step.
    """
    cells[0] = c
    for t in range(len(y)):
        inputs[t] = cont[t][:, None] * (y[t - 1] if t else h)
        gates[t] += matmul(xp, inputs[t], w.T)
        lstm_unit.reference(xp, gates[t], cont[t], cells[t], gates[t], cells[t + 1], y[t])
    h[...], c[...] = y[-1], cells[-1]


@compiled_in("minicaffe.ops.recurrent_cpu")
def lstm_grad(
    xp: ModuleType, cont: Array, w: Array, gates: Array, cells: Array, dy: Array, dgates: Array
) -> None:
    """The gradient of ``lstm`` for what the gates get, through all steps and not beyond.

    Args:
        xp: array module of the others.
        cont: (T, N).
        w: (4D, D).
        gates: (T, N, 4D), what ``lstm`` wrote.
        cells: (T + 1, N, D), what ``lstm`` wrote.
        dy: (T, N, D).
        dgates: as ``gates``, written: the gradient for the gates before their activations.
    """
    dc = xp.zeros_like(cells[0])
    for t in reversed(range(len(dy))):
        dh = dy[t]
        if t + 1 < len(dy):
            dh = dh + cont[t + 1][:, None] * matmul(xp, dgates[t + 1], w)
        lstm_unit_grad.reference(
            xp, cont[t], cells[t], gates[t], cells[t + 1], dc, dh, dgates[t], dc
        )


@compiled_in("minicaffe.ops.recurrent_cpu")
def rnn(xp: ModuleType, cont: Array, w: Array, h: Array, states: Array, inputs: Array) -> None:
    """A hidden state ``tanh(x + w cont h)`` over all steps.

    Args:
        xp: array module of the others.
        cont: (T, N).
        w: (D, D), from hidden state to hidden state.
        h: (N, D), the hidden state: that of before, overwritten by that of the last step.
        states: (T, N, D): what each step gets from its input, overwritten by its hidden state.
        inputs: (T, N, D), written: the hidden state that each step reads, ``cont h``.
    """
    for t in range(len(states)):
        inputs[t] = cont[t][:, None] * (states[t - 1] if t else h)
        states[t] = xp.tanh(states[t] + matmul(xp, inputs[t], w.T))
    h[...] = states[-1]


@compiled_in("minicaffe.ops.recurrent_cpu")
def rnn_grad(xp: ModuleType, cont: Array, w: Array, states: Array, dstates: Array) -> None:
    """The gradient of ``rnn`` for what each step gets, through all steps and not beyond.

    Args:
        xp: array module of the others.
        cont: (T, N).
        w: (D, D).
        states: (T, N, D), what ``rnn`` wrote.
        dstates: as ``states``: the gradient for the hidden states, where they are put out;
            overwritten by that for them before tanh.
    """
    for t in reversed(range(len(states))):
        if t + 1 < len(states):
            dstates[t] += cont[t + 1][:, None] * matmul(xp, dstates[t + 1], w)
        dstates[t] *= 1 - states[t] * states[t]


def _gates(gates: Array) -> tuple[Array, ...]:
    units = gates.shape[1] // 4
    return tuple(gates[:, k * units : (k + 1) * units] for k in range(4))
