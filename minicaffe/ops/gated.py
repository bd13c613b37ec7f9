"""Recurrence whose hidden state is all that is kept: GRU, and MGU with one gate for two."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.cublas import matmul
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.gated_cpu")
def gated(
    xp: ModuleType,
    cont: Array,
    w: Array,
    h: Array,
    gates: Array,
    hidden: Array,
    reset: Array,
    y: Array,
) -> None:
    """For each step, h' being ``cont h`` of the step before::

        z, r = sigmoid(gates of z, r + w_z h', w_r h')
        g = tanh(gates of g + w_g (r h'))
        h = (1 - z) h' + z g

    K is 3, or 2 where z and r are one.

    Args:
        xp: array module of the others.
        cont: (T, N).
        w: (K D, D), of z, r, g one after the other.
        h: (N, D), the hidden state: that of before, overwritten by that of the last step.
        gates: (T, N, K D): what z, r and g get from the input, overwritten by z, r and g.
        hidden: (T, N, D), written: h'.
        reset: (T, N, D), written: ``r h'``.
        y: (T, N, D), written: h.
    """
    units = y.shape[2]
    split = gates.shape[2] - units
    for t in range(len(y)):
        hidden[t] = cont[t][:, None] * (y[t - 1] if t else h)
        both = gates[t, :, :split] + matmul(xp, hidden[t], w[:split].T)
        gates[t, :, :split] = 0.5 * xp.tanh(0.5 * both) + 0.5
        z, r = gates[t, :, :units], gates[t, :, split - units : split]
        reset[t] = r * hidden[t]
        g = xp.tanh(gates[t, :, split:] + matmul(xp, reset[t], w[split:].T))
        gates[t, :, split:] = g
        y[t] = hidden[t] + z * (g - hidden[t])
    h[...] = y[-1]


@compiled_in("minicaffe.ops.gated_cpu")
def gated_grad(
    xp: ModuleType,
    cont: Array,
    w: Array,
    gates: Array,
    hidden: Array,
    dy: Array,
    dgates: Array,
) -> None:
    """The gradient of ``gated`` for what the gates get, through all steps and not beyond.

    Args:
        xp: array module of the others.
        cont: (T, N).
        w: (K D, D).
        gates: (T, N, K D), what ``gated`` wrote.
        hidden: (T, N, D), what ``gated`` wrote.
        dy: (T, N, D).
        dgates: as ``gates``, written: the gradient for them before their activations.
    """
    units = dy.shape[2]
    split = gates.shape[2] - units
    carried = xp.zeros_like(dy[0])
    for t in reversed(range(len(dy))):
        dh, before = dy[t] + carried, hidden[t]
        z, r = gates[t, :, :units], gates[t, :, split - units : split]
        g = gates[t, :, split:]
        dg = dh * z * (1 - g * g)
        dgates[t, :, split:] = dg
        dreset = matmul(xp, dg, w[split:])
        dgates[t, :, :split] = 0
        dgates[t, :, :units] += dh * (g - before) * z * (1 - z)
        dgates[t, :, split - units : split] += dreset * before * r * (1 - r)
        dbefore = dh * (1 - z) + dreset * r + matmul(xp, dgates[t, :, :split], w[:split])
        carried = cont[t][:, None] * dbefore
