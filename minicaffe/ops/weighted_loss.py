"""Cross-entropies in which positions count unequally: by their class, or by how hard they are.

They start from a softmax, and leave for each position the factor of its gradient.
"""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.bad import first_bad
from minicaffe.ops.dispatch import compiled_in
from minicaffe.ops.softmax import LEAST


@compiled_in("minicaffe.ops.weighted_loss_cpu")
def weighted_loss(
    xp: ModuleType,
    prob: Array,
    label: Array,
    ignore: float,
    weight: Array,
    smoothing: float,
    scale: Array,
    total: Array,
) -> Array | int:
    """Sum ``weight[label] H(q, prob)`` over all positions but the ignored.

    H is ``-sum(q log(max(prob, LEAST)))``; q has ``smoothing`` spread evenly over all classes, and
    the rest at the label.

    Args:
        xp: array module of ``prob``.
        prob: (outer, classes, inner), probabilities.
        label: (outer, inner), of the dtype of ``prob``; truncated toward zero.
        ignore: the label whose positions lose nothing; NaN where there is none.
        weight: (classes,), of the dtype of ``prob``.
        smoothing: from 0 to less than 1.
        scale: as ``label``; gets the weight of each position, 0 where it is ignored.
        total: (2,) float64; gets the sum, and the number of positions that are not ignored.

    Returns:
        The flat index of the first label that is no class and not ``ignore``, -1 without any: a
        number, or an array of one element on the device; where there is one, ``scale`` and
        ``total`` are not to be used.
    """
    taken, kept, bad = _classes(xp, label, ignore, prob.shape[1])
    lost = -xp.log(xp.maximum(_picked(xp, prob, taken), LEAST))
    if smoothing:
        spread = -xp.log(xp.maximum(prob, LEAST)).mean(axis=1)
        lost = (1 - smoothing) * lost + smoothing * spread
    scale[...] = xp.where(kept, weight[taken], 0)
    total[0] = xp.where(kept, scale * lost, 0).sum(dtype=xp.float64)
    total[1] = kept.sum()
    return first_bad(xp, bad)


@compiled_in("minicaffe.ops.weighted_loss_cpu")
def focal_loss(
    xp: ModuleType,
    prob: Array,
    label: Array,
    ignore: float,
    gamma: float,
    scale: Array,
    total: Array,
) -> Array | int:
    """Sum ``-(1 - p) ** gamma log(p)`` over all positions but the ignored.

    p is ``max(prob[label], LEAST)``.

    Args:
        xp: array module of ``prob``.
        prob: (outer, classes, inner), a softmax over the classes.
        label: (outer, inner), of the dtype of ``prob``; truncated toward zero.
        ignore: the label whose positions lose nothing; NaN where there is none.
        gamma: 0 or more.
        scale: as ``label``; gets for each position what its gradient is of that with gamma 0,
            and 0 where it is ignored.
        total: (2,) float64; gets the sum, and the number of positions that are not ignored.

    Returns:
        As ``weighted_loss``.
    """
    taken, kept, bad = _classes(xp, label, ignore, prob.shape[1])
    p = xp.maximum(_picked(xp, prob, taken), LEAST)
    missing, log = xp.maximum(1 - p, 0), xp.log(p)
    power = missing**gamma
    # gamma (1 - p) ** (gamma - 1) p log(p) as a product with power: finite where p is 1
    ratio = xp.where(missing > 0, log / xp.where(missing > 0, missing, 1), -1)
    scale[...] = xp.where(kept, power * (1 - gamma * p * ratio), 0)
    total[0] = xp.where(kept, -power * log, 0).sum(dtype=xp.float64)
    total[1] = kept.sum()
    return first_bad(xp, bad)


@compiled_in("minicaffe.ops.weighted_loss_cpu")
def weighted_loss_grad(
    xp: ModuleType,
    prob: Array,
    label: Array,
    ignore: float,
    scale: Array,
    smoothing: float,
    factor: Array,
    dx: Array,
) -> None:
    """Write ``factor * scale * (prob - q)`` to ``dx``, the gradient for what softmax was given.

    Args:
        xp: array module of ``prob``.
        prob: (outer, classes, inner), a softmax over the classes.
        label: (outer, inner), as it was given.
        ignore: as it was given.
        scale: as ``label``, as it was left.
        smoothing: of q, as it was given; 0 after ``focal_loss``.
        factor: a scalar, or an array of no axes.
        dx: as ``prob``.
    """
    index = xp.trunc(label)[:, None, :]
    one_hot = index == xp.arange(prob.shape[1])[None, :, None]
    wanted = (1 - smoothing) * one_hot + smoothing / prob.shape[1]
    dx[...] = xp.where(index != ignore, (prob - wanted) * scale[:, None, :], 0) * factor


def _classes(
    xp: ModuleType, label: Array, ignore: float, classes: int
) -> tuple[Array, Array, Array]:
    """The class of each position, 0 where it has none; whether it counts; whether it is bad."""
    index = xp.trunc(label)
    kept = index != ignore
    bad = kept & ~((index >= 0) & (index < classes))
    return xp.where(kept & ~bad, index, 0).astype(xp.int32), kept, bad


def _picked(xp: ModuleType, prob: Array, taken: Array) -> Array:
    return xp.take_along_axis(prob, taken[:, None, :], axis=1)[:, 0, :]
