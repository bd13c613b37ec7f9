"""Compiled bodies of ``ops.weighted_loss``.

Work is cut into tasks of positions, of which the shape alone says how many there are; each leaves
its part of the sum, so that sums come out the same however many threads there are.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import math

import numpy as np

from minicaffe.ops.numba_cpu import inner, kernel, prange
from minicaffe.ops.softmax import LEAST

TASK = 8192  # elements


def weighted_loss(prob, label, ignore, weight, smoothing, scale, total):
    """See ``ops.weighted_loss.weighted_loss``."""
    size, parts = _tasks(prob)
    args = prob, label.reshape(-1), ignore, weight, np.float64(smoothing), scale.reshape(-1)
    _weighted(*args, parts, size)
    return _sum_parts(parts, total)


def focal_loss(prob, label, ignore, gamma, scale, total):
    """See ``ops.weighted_loss.focal_loss``."""
    size, parts = _tasks(prob)
    args = prob, label.reshape(-1), ignore, np.float64(gamma), scale.reshape(-1)
    _focal(*args, parts, size)
    return _sum_parts(parts, total)


def weighted_loss_grad(prob, label, ignore, scale, smoothing, factor, dx):
    """See ``ops.weighted_loss.weighted_loss_grad``."""
    kind, classes = prob.dtype.type, prob.shape[1]
    shares = kind(1 - smoothing), kind(smoothing / classes)
    if prob.shape[2] == 1:
        size, parts = _tasks(prob)
        rows = prob[:, :, 0], label.reshape(-1), ignore, scale.reshape(-1)
        _rows_grad(*rows, *shares, kind(factor), dx[:, :, 0], size, len(parts))
    else:
        _lines_grad(prob, label, ignore, scale, *shares, kind(factor), dx)


def _tasks(prob):
    """Positions in a task, and room for its sum, its number that count, the first that is bad."""
    size = max(1, TASK // prob.shape[1])
    return size, np.empty((-(-prob.shape[0] * prob.shape[2] // size), 3))


def _sum_parts(parts, total):
    total[:] = parts[:, :2].sum(axis=0)
    bad = parts[:, 2][parts[:, 2] >= 0]
    return int(bad[0]) if bad.size else -1


@inner
def _cost(p):
    return -math.log(LEAST if p < LEAST else p)


@inner
def _class_of(label, ignore, classes):
    """The class that ``label`` names; -1 to ignore it, -2 where there is none."""
    index = np.trunc(label)
    if index == ignore:
        return -1
    return int(index) if index >= 0 and index < classes else -2


@kernel
def _weighted(prob, label, ignore, weight, smoothing, scale, parts, size):
    classes, positions = prob.shape[1:]
    for task in prange(len(parts)):
        total, kept, bad = 0.0, 0, -1
        for place in range(task * size, min((task + 1) * size, label.size)):
            n, j = place // positions, place % positions
            k = _class_of(label[place], ignore, classes)
            scale[place] = weight[k] if k >= 0 else 0
            if k == -2:
                bad = place
                break
            if k >= 0:
                lost = _cost(np.float64(prob[n, k, j]))
                if smoothing:
                    spread = 0.0
                    for c in range(classes):
                        spread += _cost(np.float64(prob[n, c, j]))
                    lost = (1 - smoothing) * lost + smoothing * spread / classes
                total += weight[k] * lost
                kept += 1
        parts[task, 0], parts[task, 1], parts[task, 2] = total, kept, bad


@kernel
def _focal(prob, label, ignore, gamma, scale, parts, size):
    classes, positions = prob.shape[1:]
    for task in prange(len(parts)):
        total, kept, bad = 0.0, 0, -1
        for place in range(task * size, min((task + 1) * size, label.size)):
            k = _class_of(label[place], ignore, classes)
            scale[place] = 0
            if k == -2:
                bad = place
                break
            if k >= 0:
                found = np.float64(prob[place // positions, k, place % positions])
                p = LEAST if found < LEAST else found
                cost = -math.log(p)
                missing = 0.0 if p > 1 else 1 - p
                power = missing**gamma
                ratio = cost / missing if missing > 0 else 1.0
                scale[place] = power * (1 + gamma * p * ratio)
                total += power * cost
                kept += 1
        parts[task, 0], parts[task, 1], parts[task, 2] = total, kept, bad


@kernel
def _rows_grad(prob, label, ignore, scale, rest, share, factor, dx, size, tasks):
    for task in prange(tasks):
        for n in range(task * size, min((task + 1) * size, label.size)):
            row, out, by = prob[n], dx[n], scale[n] * factor
            k = _class_of(label[n], ignore, row.size)
            if k < 0:
                out[:] = 0
            else:
                for c in range(row.size):
                    out[c] = (row[c] - share) * by
                out[k] = (row[k] - share - rest) * by


@kernel
def _lines_grad(prob, label, ignore, scale, rest, share, factor, dx):
    outer, classes, positions = prob.shape
    for task in prange(outer * classes):
        n, c = task // classes, task % classes
        row, named, by, out = prob[n, c], label[n], scale[n], dx[n, c]
        for j in range(positions):
            index = np.trunc(named[j])
            value = (row[j] - share - (rest if index == c else 0)) * by[j] * factor
            out[j] = 0 if index == ignore else value
