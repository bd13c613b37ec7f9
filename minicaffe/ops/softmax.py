"""Softmax, and the loss of its logarithm, over the middle axis of (outer, classes, inner)."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.bad import first_bad
from minicaffe.ops.dispatch import compiled_in

LEAST = float(np.finfo(np.float32).tiny)  # -log of it is 87.3365, the most a position can lose


@compiled_in("minicaffe.ops.softmax_cpu")
def softmax(xp: ModuleType, x: Array, y: Array) -> None:
    """Write ``exp(x) / sum(exp(x))`` to ``y``, the sum over the middle axis.

    Args:
        xp: array module of ``x``.
        x: (outer, classes, inner).
        y: as ``x``; may be ``x`` itself.
    """
    y[...] = xp.exp(x - x.max(axis=1, keepdims=True))
    y /= y.sum(axis=1, keepdims=True)


@compiled_in("minicaffe.ops.softmax_cpu")
def softmax_grad(xp: ModuleType, y: Array, dy: Array, dx: Array) -> None:
    """Write the gradient for ``x`` of ``softmax`` to ``dx``.

    Args:
        xp: array module of ``y``.
        y: (outer, classes, inner), what ``softmax`` wrote.
        dy: as ``y``.
        dx: as ``y``; may be ``dy`` itself.
    """
    dx[...] = (dy - (dy * y).sum(axis=1, keepdims=True)) * y


@compiled_in("minicaffe.ops.softmax_cpu")
def softmax_loss(
    xp: ModuleType, x: Array, label: Array, ignore: float, prob: Array, total: Array
) -> Array | int:
    """Softmax, and ``-log(prob[label])`` summed over all positions but the ignored.

    Labels are truncated toward zero, probabilities no less than float32's least normal number.

    Args:
        xp: array module of ``x``.
        x: (outer, classes, inner), the logits.
        label: (outer, inner), of the dtype of ``x``.
        ignore: the label whose positions lose nothing; NaN where there is none.
        prob: as ``x``; gets the softmax.
        total: (2,) float64; gets the sum, and the number of positions that are not ignored.

    Returns:
        The flat index of the first label that is no class and not ``ignore``, -1 without any: a
        number, or an array of one element on the device; where there is one, ``prob`` and
        ``total`` are not to be used.
    """
    classes = x.shape[1]
    index = xp.trunc(label)
    kept = index != ignore
    bad = kept & ~((index >= 0) & (index < classes))
    softmax.reference(xp, x, prob)
    taken = xp.where(kept & ~bad, index, 0).astype(xp.int32)[:, None, :]
    p = xp.take_along_axis(prob, taken, axis=1)[:, 0, :]
    lost = -xp.log(xp.maximum(p, LEAST))
    total[0] = xp.where(kept, lost, 0).sum(dtype=xp.float64)
    total[1] = kept.sum()
    return first_bad(xp, bad)


@compiled_in("minicaffe.ops.softmax_cpu")
def softmax_loss_grad(
    xp: ModuleType, prob: Array, label: Array, ignore: float, factor: Array, dx: Array
) -> None:
    """Write ``factor`` times the gradient for ``x`` of the sum of ``softmax_loss`` to ``dx``.

    Args:
        xp: array module of ``prob``.
        prob: (outer, classes, inner), what ``softmax_loss`` wrote.
        label: (outer, inner), as it was given.
        ignore: as it was given.
        factor: a scalar, or an array of no axes.
        dx: as ``prob``.
    """
    index = xp.trunc(label)[:, None, :]
    one_hot = index == xp.arange(prob.shape[1])[None, :, None]
    dx[...] = xp.where(index != ignore, prob - one_hot, 0) * factor
