"""Compiled bodies of ``ops.loss``.

Work is cut into tasks, of which the shape alone says how many there are; each leaves its part of
the sum, so that sums come out the same however many threads there are. Loops run over slices,
from 0: Numba then knows that no index is negative, and they vectorize.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import math

import numpy as np

from minicaffe.ops.exp_cpu import exp
from minicaffe.ops.loss import LEAST
from minicaffe.ops.numba_cpu import inner, kernel, prange

TASK = 8192  # elements
BLOCK = 512  # factors from 1 to 2 whose product fits a double: one logarithm for all of them
PARALLEL = 16384  # elements from which a parallel region pays


def _run(serial, parallel, work, tasks, *args):
    if work < PARALLEL:
        serial(*args, 0, tasks)
    else:
        parallel(*args, tasks)


def _first_bad(parts):
    """The index that the first task with one has left in the last column, or -1."""
    bad = parts[:, 2][parts[:, 2] >= 0]
    return int(bad[0]) if bad.size else -1


def squared_distance(x, y, total):
    """See ``ops.loss.squared_distance``."""
    parts = np.empty(-(-x.size // TASK))
    _run(_squares, _squares_parallel, x.size, parts.size, x, y, parts)
    total[0] = parts.sum()


@inner
def _squares(x, y, parts, first, last):
    for task in range(first, last):
        start, stop, total = task * TASK, min((task + 1) * TASK, x.size), 0.0
        here, there = x[start:stop], y[start:stop]
        for i in range(here.size):
            d = np.float64(here[i] - there[i])
            total += d * d
        parts[task] = total


@kernel
def _squares_parallel(x, y, parts, tasks):
    for task in prange(tasks):
        _squares(x, y, parts, task, task + 1)


def scaled_difference(x, y, factor, dx):
    """See ``ops.loss.scaled_difference``."""
    tasks = -(-x.size // TASK)
    _run(_difference, _difference_parallel, x.size, tasks, x, y, x.dtype.type(factor), dx)


@inner
def _difference(x, y, factor, dx, first, last):
    start, stop = first * TASK, min(last * TASK, x.size)
    here, there, out = x[start:stop], y[start:stop], dx[start:stop]
    for i in range(out.size):
        out[i] = (here[i] - there[i]) * factor


@kernel
def _difference_parallel(x, y, factor, dx, tasks):
    for task in prange(tasks):
        _difference(x, y, factor, dx, task, task + 1)


def sigmoid_cross_entropy(x, target, ignore, total):
    """See ``ops.loss.sigmoid_cross_entropy``."""
    parts = np.empty((-(-x.size // TASK), 3))
    args = x, target, x.dtype.type(ignore), parts
    _run(_cross_entropy, _cross_entropy_parallel, x.size, len(parts), *args)
    total[:] = parts[:, :2].sum(axis=0)
    return _first_bad(parts)


@inner
def _cross_entropy(x, target, ignore, parts, first, last):
    """For each task the sum, the number that counts, and the first bad index or -1."""
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for task in range(first, last):
        total, kept, finite, bad = 0.0, 0, 0, -1
        start, stop = task * TASK, min((task + 1) * TASK, x.size)
        for block in range(start, stop, BLOCK):
            product = 1.0
            scores, targets = x[block : min(block + BLOCK, stop)], target[block:stop]
            for i in range(scores.size):
                v, t = scores[i], targets[i]
                counts = np.trunc(t) != ignore
                e = exp(-abs(v))
                total += np.float64(v * ((one if v > 0 else zero) - t) if counts else zero)
                product *= 1 + np.float64(e if counts else zero)
                kept += counts
                finite += abs(t) < np.inf
            total += math.log(product)
        if finite < stop - start:
            bad = start
            while abs(target[bad]) < np.inf:
                bad += 1
        parts[task, 0], parts[task, 1], parts[task, 2] = total, kept, bad


@kernel
def _cross_entropy_parallel(x, target, ignore, parts, tasks):
    for task in prange(tasks):
        _cross_entropy(x, target, ignore, parts, task, task + 1)


def sigmoid_cross_entropy_grad(x, target, ignore, factor, dx):
    """See ``ops.loss.sigmoid_cross_entropy_grad``."""
    kind = x.dtype.type
    args = x, target, kind(ignore), kind(factor), dx
    _run(_cross_entropy_grad, _cross_entropy_grad_parallel, x.size, -(-x.size // TASK), *args)


@inner
def _cross_entropy_grad(x, target, ignore, factor, dx, first, last):
    zero, one = x.dtype.type(0), x.dtype.type(1)
    start, stop = first * TASK, min(last * TASK, x.size)
    scores, targets, out = x[start:stop], target[start:stop], dx[start:stop]
    for i in range(out.size):
        d = one / (one + exp(-scores[i])) - targets[i]
        out[i] = d * factor if np.trunc(targets[i]) != ignore else zero


@kernel
def _cross_entropy_grad_parallel(x, target, ignore, factor, dx, tasks):
    for task in prange(tasks):
        _cross_entropy_grad(x, target, ignore, factor, dx, task, task + 1)


def infogain_loss(prob, label, ignore, weight, total):
    """See ``ops.loss.infogain_loss``."""
    size = max(1, TASK // prob.shape[1])
    parts = np.empty((-(-label.size // size), 3))
    args = prob, label.reshape(-1), ignore, weight, parts, size
    _run(_infogain, _infogain_parallel, prob.size, len(parts), *args)
    total[:] = parts[:, :2].sum(axis=0)
    return _first_bad(parts)


@inner
def _infogain(prob, label, ignore, weight, parts, size, first, last):
    """Tasks from ``first`` to ``last``, each ``size`` positions."""
    classes, positions = prob.shape[1:]
    for task in range(first, last):
        total, kept, bad = 0.0, 0, -1
        for place in range(task * size, min((task + 1) * size, label.size)):
            index = np.trunc(label[place])
            if index == ignore:
                continue
            if not (index >= 0 and index < classes):
                bad = place
                break
            p_here, row = prob[place // positions, :, place % positions], weight[int(index)]
            for c in range(classes):
                p = p_here[c]
                if row[c] != 0 or p != p:  # most of a matrix is zeros, and logarithms are dear
                    total -= row[c] * math.log(LEAST if p < LEAST else p)
            kept += 1
        parts[task, 0], parts[task, 1], parts[task, 2] = total, kept, bad


@kernel
def _infogain_parallel(prob, label, ignore, weight, parts, size, tasks):
    for task in prange(tasks):
        _infogain(prob, label, ignore, weight, parts, size, task, task + 1)


def infogain_loss_grad(prob, label, ignore, weight, row_sum, factor, dx):
    """See ``ops.loss.infogain_loss_grad``."""
    size = max(1, TASK // prob.shape[1])
    labels, scale = label.reshape(-1), prob.dtype.type(factor)
    args = prob, labels, ignore, weight, row_sum, scale, dx, size
    _run(_infogain_grad, _infogain_grad_parallel, prob.size, -(-label.size // size), *args)


@inner
def _infogain_grad(prob, label, ignore, weight, row_sum, factor, dx, size, first, last):
    positions = prob.shape[2]
    for place in range(first * size, min(last * size, label.size)):
        n, j, index = place // positions, place % positions, np.trunc(label[place])
        p, out = prob[n, :, j], dx[n, :, j]
        if index == ignore:
            out[:] = 0
        else:
            row, total = weight[int(index)], row_sum[int(index)]
            for c in range(out.size):
                out[c] = (p[c] * total - row[c]) * factor


@kernel
def _infogain_grad_parallel(prob, label, ignore, weight, row_sum, factor, dx, size, tasks):
    for task in prange(tasks):
        _infogain_grad(prob, label, ignore, weight, row_sum, factor, dx, size, task, task + 1)
