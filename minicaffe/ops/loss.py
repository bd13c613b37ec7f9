"""Losses that pass over large blobs: squared distance, cross-entropies; softmax has its own."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.bad import first_bad
from minicaffe.ops.dispatch import compiled_in

LEAST = 1e-20  # probability that is taken for any below, in infogain_loss


@compiled_in("minicaffe.ops.loss_cpu")
def squared_distance(xp: ModuleType, x: Array, y: Array, total: Array) -> None:
    """Write ``sum((x - y) ** 2)`` to ``total``.

    Args:
        xp: array module of ``x``.
        x: (n,).
        y: as ``x``.
        total: (1,) float64.
    """
    total[0] = ((x - y) ** 2).sum(dtype=xp.float64)


@compiled_in("minicaffe.ops.loss_cpu")
def scaled_difference(xp: ModuleType, x: Array, y: Array, factor: Array, dx: Array) -> None:
    """Write ``(x - y) * factor`` to ``dx``.

    Args:
        xp: array module of ``x``.
        x: (n,).
        y: as ``x``.
        factor: a scalar, or an array of no axes.
        dx: as ``x``.
    """
    dx[...] = (x - y) * factor


@compiled_in("minicaffe.ops.loss_cpu")
def sigmoid_cross_entropy(
    xp: ModuleType, x: Array, target: Array, ignore: float, total: Array
) -> Array | int:
    """Sum ``x ((x > 0) - target) + log(1 + exp(-abs(x)))`` over all elements but the ignored.

    Args:
        xp: array module of ``x``.
        x: (n,), the logits.
        target: as ``x``; for ``ignore`` alone it is truncated toward zero.
        ignore: the target whose elements lose nothing; NaN where there is none.
        total: (2,) float64; gets the sum, and the number of elements that are not ignored.

    Returns:
        The index of the first target that is NaN or infinite, -1 without any: a number, or
        an array of one element on the device; where there is one, ``total`` is not to be used.
    """
    bad = ~(xp.abs(target) < xp.inf)
    target = xp.where(bad, 0, target)
    kept = xp.trunc(target) != ignore
    lost = x * ((x > 0) - target) + xp.log(1 + xp.exp(-xp.abs(x)))
    total[0] = xp.where(kept, lost, 0).sum(dtype=xp.float64)
    total[1] = kept.sum()
    return first_bad(xp, bad)


@compiled_in("minicaffe.ops.loss_cpu")
def sigmoid_cross_entropy_grad(
    xp: ModuleType, x: Array, target: Array, ignore: float, factor: Array, dx: Array
) -> None:
    """Write ``factor`` times the gradient for ``x`` of ``sigmoid_cross_entropy`` to ``dx``.

    Args:
        xp: array module of ``x``.
        x: (n,), as it was given.
        target: as it was given.
        ignore: as it was given.
        factor: a scalar, or an array of no axes.
        dx: as ``x``.
    """
    probability = 0.5 * xp.tanh(0.5 * x) + 0.5
    dx[...] = xp.where(xp.trunc(target) != ignore, probability - target, 0) * factor


@compiled_in("minicaffe.ops.loss_cpu")
def infogain_loss(
    xp: ModuleType, prob: Array, label: Array, ignore: float, weight: Array, total: Array
) -> Array | int:
    """Sum ``-weight[label] . log(max(prob, LEAST))`` over all positions but the ignored.

    Args:
        xp: array module of ``prob``.
        prob: (outer, classes, inner), probabilities.
        label: (outer, inner), truncated toward zero.
        ignore: the label whose positions lose nothing; NaN where there is none.
        weight: (classes, classes), of the dtype of ``prob``; a row for each label.
        total: (2,) float64; gets the sum, and the number of positions that are not ignored.

    Returns:
        The flat index of the first label that is no class and not ``ignore``, -1 without any:
        a number, or an array of one element on the device; where there is one, ``total`` is not
        to be used.
    """
    index = xp.trunc(label)
    kept = index != ignore
    bad = kept & ~((index >= 0) & (index < prob.shape[1]))
    rows = weight[xp.where(kept & ~bad, index, 0).astype(xp.int32)]  # (outer, inner, classes)
    lost = -(rows * xp.log(xp.maximum(prob, LEAST)).transpose(0, 2, 1)).sum(axis=2)
    total[0] = xp.where(kept, lost, 0).sum(dtype=xp.float64)
    total[1] = kept.sum()
    return first_bad(xp, bad)


@compiled_in("minicaffe.ops.loss_cpu")
def infogain_loss_grad(
    xp: ModuleType,
    prob: Array,
    label: Array,
    ignore: float,
    weight: Array,
    row_sum: Array,
    factor: Array,
    dx: Array,
) -> None:
    """Write ``factor`` times the gradient of ``infogain_loss`` for what softmax made ``prob`` of.

    Args:
        xp: array module of ``prob``.
        prob: (outer, classes, inner), a softmax over the classes.
        label: (outer, inner), as it was given.
        ignore: as it was given.
        weight: as it was given.
        row_sum: (classes,), the sum of each row of ``weight``.
        factor: a scalar, or an array of no axes.
        dx: as ``prob``.
    """
    index = xp.trunc(label)
    kept = index != ignore
    known = kept & (index >= 0) & (index < prob.shape[1])  # others are refused, if later
    row = xp.where(known, index, 0).astype(xp.int32)
    raw = prob * row_sum[row][:, None, :] - weight[row].transpose(0, 2, 1)
    dx[...] = xp.where(kept[:, None, :], raw, 0) * factor
