"""Connectionist temporal classification: the chance of a sequence, however it is stretched."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.cublas import matmul
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.ctc_cpu")
def ctc(
    xp: ModuleType,
    x: Array,
    label: Array,
    length: Array | None,
    blank: int,
    cost: Array,
    dx: Array,
) -> None:
    """Write what each sequence costs, and the gradient for the scores.

    The cost is ``-log`` of the sum, over all paths that give the labels once equal neighbours are
    merged and blanks left out, of the product of the path's probabilities. It is computed in
    logarithms, in float64. Where there are fewer steps than any path needs (one for each label,
    one more between equal neighbours) cost and gradient are 0.

    Args:
        xp: array module of ``x``.
        x: (T, N, C), scores before any softmax.
        label: (N, L), truncated toward zero; what is no class, and the blank, is left out.
        length: (N,), how many of the steps belong to each sequence, from 0 to T; None for all.
        blank: the class of no label.
        cost: (N,) float64.
        dx: as ``x``; gets the gradient of the sum of ``cost``; 0 behind the end of a sequence.
    """
    steps, items, classes = x.shape
    lengths = xp.full(items, steps) if length is None else xp.trunc(length)
    path, count, needed = _paths(xp, label, classes, blank)
    place = xp.arange(path.shape[1])
    skips = xp.full(path.shape, False)  # whether a path may come from two states before
    skips[:, 3::2] = path[:, 3::2] != path[:, 1:-2:2]
    logs = x.astype(np.float64)
    logs -= logs.max(axis=2, keepdims=True)
    logs -= xp.log(xp.exp(logs).sum(axis=2, keepdims=True))
    emit = xp.take_along_axis(logs, path + xp.zeros((steps, 1, 1), np.int32), axis=2)

    alpha = xp.full((steps, *path.shape), -np.inf)
    alpha[0, :, :2] = emit[0, :, :2]
    for t in range(1, steps):
        last = alpha[t - 1]
        moved = last.copy()
        moved[:, 1:] = xp.logaddexp(moved[:, 1:], last[:, :-1])
        jump = xp.where(skips[:, 2:], last[:, :-2], -np.inf)
        moved[:, 2:] = xp.logaddexp(moved[:, 2:], jump)
        alpha[t] = xp.where((t < lengths)[:, None], moved + emit[t], last)
    at_end = place == 2 * count[:, None], place == 2 * count[:, None] - 1
    ends = (xp.where(where, alpha[-1], -np.inf).max(axis=1) for where in at_end)
    log_p = xp.logaddexp(*ends)
    known = (needed <= lengths) & (lengths > 0)
    log_p = xp.where(known, log_p, 0)
    cost[...] = -log_p

    start = xp.where(at_end[0] | at_end[1], 0, -np.inf)
    beta = xp.full(path.shape, -np.inf)
    one_hot = (path[:, :, None] == xp.arange(classes)).astype(np.float64)
    for t in range(steps - 1, -1, -1):
        if t + 1 < steps:
            ahead = beta + emit[t + 1]
            moved = ahead.copy()
            moved[:, :-1] = xp.logaddexp(moved[:, :-1], ahead[:, 1:])
            jump = xp.where(skips[:, 2:], ahead[:, 2:], -np.inf)
            moved[:, :-2] = xp.logaddexp(moved[:, :-2], jump)
            beta = moved
        beta = xp.where((t == lengths - 1)[:, None], start, beta)
        gamma = xp.exp(alpha[t] + beta - log_p[:, None])
        passing = matmul(xp, gamma[:, None, :], one_hot)[:, 0]
        inside = (known & (t < lengths))[:, None]
        dx[t] = xp.where(inside, xp.exp(logs[t]) - passing, 0)


def _paths(xp: ModuleType, label: Array, classes: int, blank: int) -> tuple[Array, Array, Array]:
    """The states of each sequence, (N, 2 L + 1); its number of labels; the steps that it needs.

    States are the labels with a blank before each and behind the last; what follows those of a
    short sequence means nothing.
    """
    items, width = label.shape
    index = xp.trunc(label)
    real = (index >= 0) & (index < classes) & (index != blank)
    rank = xp.where(real, real.cumsum(axis=1) - 1, -1)
    places = rank[:, :, None] == xp.arange(width)
    packed = xp.where(places, index[:, :, None], 0).sum(axis=1).astype(np.int32)
    count = real.sum(axis=1)
    path = xp.full((items, 2 * width + 1), blank, np.int32)
    path[:, 1::2] = packed
    equal = (packed[:, 1:] == packed[:, :-1]) & (xp.arange(1, width) < count[:, None])
    return path, count, count + equal.sum(axis=1)
