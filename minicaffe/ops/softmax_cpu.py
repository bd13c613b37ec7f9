"""Compiled bodies of ``ops.softmax``.

Where classes are contiguous (inner is 1) work is cut into blocks of rows; else into stretches
of positions of one outer index, and loops run along the positions. How many there are depends
on the shape alone, so that sums come out the same however many threads there are.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import math

import numpy as np

from minicaffe.ops.exp_cpu import exp
from minicaffe.ops.numba_cpu import inner, kernel, prange
from minicaffe.ops.softmax import LEAST

STRETCH = 256  # positions in a stretch: with all their classes they should stay in cache
TASK = 8192  # elements in a block of rows
LANES = 16
PARALLEL = 16384  # elements from which a parallel region pays


def softmax(x, y):
    """See ``ops.softmax.softmax``."""
    _softmax(x, y, np.empty((0, 0), x.dtype), np.nan)


def softmax_loss(x, label, ignore, prob, total):
    """See ``ops.softmax.softmax_loss``."""
    return int(_sum_parts(_softmax(x, prob, label, ignore), total))


def _softmax(x, y, label, ignore):
    """The softmax, and for each task the loss, the positions in it, the first bad label.

    ``label`` may be empty: then what is returned means nothing.
    """
    if x.shape[2] == 1:
        size, parts = _rows_in_task(x), np.empty((_row_tasks(x), 3))
        args = x[:, :, 0], y[:, :, 0], label.reshape(-1), ignore, parts, size
        _run(_rows, _rows_parallel, x.size, len(parts), *args)
    else:
        parts = np.empty((_stretch_tasks(x), 3))
        args = x, y, label, ignore, parts, STRETCH
        _run(_stretches, _stretches_parallel, x.size, len(parts), *args)
    return parts


def _run(serial, parallel, work, tasks, *args):
    if work < PARALLEL:
        serial(*args, 0, tasks)
    else:
        parallel(*args, tasks)


def _rows_in_task(x):
    return max(1, TASK // x.shape[1])


def _row_tasks(x):
    return -(-x.shape[0] // _rows_in_task(x))


def _stretch_tasks(x):
    return x.shape[0] * -(-x.shape[2] // STRETCH)


@inner
def _sum_parts(parts, total):
    """The sums of all tasks to ``total``; the first bad label, or -1."""
    total[:] = 0
    for task in range(parts.shape[0]):
        total[0] += parts[task, 0]
        total[1] += parts[task, 1]
        if parts[task, 2] >= 0:
            return int(parts[task, 2])
    return -1


@inner
def _class_of(label, ignore, classes):
    """The class that ``label`` names; -1 to ignore it, -2 where there is none."""
    index = np.trunc(label)
    if index == ignore:
        return -1
    return int(index) if index >= 0 and index < classes else -2


@inner
def _sum_of_losses(p):
    """Of probabilities; a logarithm of 8 factors costs what one alone does, and fits a double."""
    total = 0.0
    for start in range(0, p.size, 8):
        product = 1.0
        for value in p[start : start + 8]:
            product *= LEAST if value < LEAST else value
        total -= math.log(product)
    return total


@inner
def _softmax_row(x, y, lanes):
    """``x``, ``y``: (classes)."""
    m = _largest(x, lanes)
    total = x.dtype.type(0)
    for c in range(x.size):
        e = exp(x[c] - m)
        y[c] = e
        total += e
    scale = x.dtype.type(1) / total
    for c in range(x.size):
        y[c] *= scale


@inner
def _largest(x, lanes):
    """The largest element; NaN need not win, since every exponential becomes NaN anyway."""
    lanes[:] = x[0]
    whole = x.size // LANES * LANES
    for start in range(0, whole, LANES):
        part = x[start : start + LANES]
        for k in range(LANES):
            lanes[k] = part[k] if part[k] > lanes[k] else lanes[k]
    m = lanes[0]
    for k in range(1, LANES):
        m = max(m, lanes[k])
    for k in range(whole, x.size):
        m = max(m, x[k])
    return m


@inner
def _rows(x, y, label, ignore, parts, size, first, last):
    """Tasks from ``first`` to ``last``, each ``size`` rows of (outer, classes)."""
    lanes, picked = np.empty(LANES, x.dtype), np.empty(size, x.dtype)
    for task in range(first, last):
        kept, bad = 0, -1
        for n in range(task * size, min((task + 1) * size, x.shape[0])):
            _softmax_row(x[n], y[n], lanes)
            if label.size:
                c = _class_of(label[n], ignore, x.shape[1])
                if c >= 0:
                    picked[kept] = y[n, c]
                    kept += 1
                elif c == -2 and bad == -1:
                    bad = n
        parts[task, 0], parts[task, 1], parts[task, 2] = _sum_of_losses(picked[:kept]), kept, bad


@kernel
def _rows_parallel(x, y, label, ignore, parts, size, tasks):
    for task in prange(tasks):
        _rows(x, y, label, ignore, parts, size, task, task + 1)


@inner
def _softmax_stretch(x, y, start, stop, m, total):
    """``x``, ``y``: (classes, inner), of one outer index."""
    m, total = m[: stop - start], total[: stop - start]
    m[:] = x[0, start:stop]
    total[:] = 0
    for c in range(1, x.shape[0]):
        part = x[c, start:stop]
        for j in range(m.size):
            m[j] = part[j] if part[j] > m[j] else m[j]
    for c in range(x.shape[0]):
        part, out = x[c, start:stop], y[c, start:stop]
        for j in range(m.size):
            e = exp(part[j] - m[j])
            out[j] = e
            total[j] += e
    for j in range(m.size):
        total[j] = 1 / total[j]
    for c in range(x.shape[0]):
        out = y[c, start:stop]
        for j in range(m.size):
            out[j] *= total[j]


@inner
def _stretches(x, y, label, ignore, parts, size, first, last):
    """Tasks from ``first`` to ``last``, each ``size`` positions of (outer, classes, inner)."""
    classes, positions = x.shape[1:]
    m, total = np.empty(size, x.dtype), np.empty(size, x.dtype)
    picked = np.empty(size, x.dtype)
    many = (positions + size - 1) // size
    for task in range(first, last):
        n, start = task // many, task % many * size
        stop = min(start + size, positions)
        _softmax_stretch(x[n], y[n], start, stop, m, total)
        kept, bad = 0, -1
        if label.size:
            for j in range(start, stop):
                c = _class_of(label[n, j], ignore, classes)
                if c >= 0:
                    picked[kept] = y[n, c, j]
                    kept += 1
                elif c == -2 and bad == -1:
                    bad = n * positions + j
        parts[task, 0], parts[task, 1], parts[task, 2] = _sum_of_losses(picked[:kept]), kept, bad


@kernel
def _stretches_parallel(x, y, label, ignore, parts, size, tasks):
    for task in prange(tasks):
        _stretches(x, y, label, ignore, parts, size, task, task + 1)


def softmax_grad(y, dy, dx):
    """See ``ops.softmax.softmax_grad``."""
    if y.shape[2] == 1:
        args = y[:, :, 0], dy[:, :, 0], dx[:, :, 0], _rows_in_task(y)
        _run(_rows_grad, _rows_grad_parallel, y.size, _row_tasks(y), *args)
    else:
        args = y, dy, dx, STRETCH
        _run(_stretches_grad, _stretches_grad_parallel, y.size, _stretch_tasks(y), *args)


@inner
def _rows_grad(y, dy, dx, size, first, last):
    for n in range(first * size, min(last * size, y.shape[0])):
        row, grad, out = y[n], dy[n], dx[n]
        total = y.dtype.type(0)
        for c in range(row.size):
            total += row[c] * grad[c]
        for c in range(row.size):
            out[c] = (grad[c] - total) * row[c]


@kernel
def _rows_grad_parallel(y, dy, dx, size, tasks):
    for task in prange(tasks):
        _rows_grad(y, dy, dx, size, task, task + 1)


@inner
def _stretches_grad(y, dy, dx, size, first, last):
    sums = np.empty(size, y.dtype)
    many = (y.shape[2] + size - 1) // size
    for task in range(first, last):
        n, start = task // many, task % many * size
        stop = min(start + size, y.shape[2])
        total = sums[: stop - start]
        total[:] = 0
        for c in range(y.shape[1]):
            part, grad = y[n, c, start:stop], dy[n, c, start:stop]
            for j in range(total.size):
                total[j] += part[j] * grad[j]
        for c in range(y.shape[1]):
            part, grad, out = y[n, c, start:stop], dy[n, c, start:stop], dx[n, c, start:stop]
            for j in range(total.size):
                out[j] = (grad[j] - total[j]) * part[j]


@kernel
def _stretches_grad_parallel(y, dy, dx, size, tasks):
    for task in prange(tasks):
        _stretches_grad(y, dy, dx, size, task, task + 1)


def softmax_loss_grad(prob, label, ignore, factor, dx):
    """See ``ops.softmax.softmax_loss_grad``."""
    kind, work = prob.dtype.type, prob.size
    if prob.shape[2] == 1:
        rows = prob[:, :, 0], label.reshape(-1), ignore, kind(factor), dx[:, :, 0]
        tasks, size = _row_tasks(prob), _rows_in_task(prob)
        _run(_rows_loss_grad, _rows_loss_grad_parallel, work, tasks, *rows, size)
    else:
        lines = prob, label, ignore, kind(factor), dx
        tasks = prob.shape[0] * prob.shape[1]
        _run(_lines_loss_grad, _lines_loss_grad_parallel, work, tasks, *lines)


@inner
def _rows_loss_grad(prob, label, ignore, factor, dx, size, first, last):
    for n in range(first * size, min(last * size, prob.shape[0])):
        row, out = prob[n], dx[n]
        c = _class_of(label[n], ignore, row.size)
        if c < 0:
            out[:] = 0
        else:
            for k in range(row.size):
                out[k] = row[k] * factor
            out[c] = (row[c] - 1) * factor


@kernel
def _rows_loss_grad_parallel(prob, label, ignore, factor, dx, size, tasks):
    for task in prange(tasks):
        _rows_loss_grad(prob, label, ignore, factor, dx, size, task, task + 1)


@inner
def _lines_loss_grad(prob, label, ignore, factor, dx, first, last):
    """Tasks from ``first`` to ``last``, each one class of one outer index."""
    for task in range(first, last):
        n, c = task // prob.shape[1], task % prob.shape[1]
        row, index, out = prob[n, c], label[n], dx[n, c]
        for j in range(row.size):
            named = np.trunc(index[j])
            value = (row[j] - (1 if named == c else 0)) * factor
            out[j] = 0 if named == ignore else value


@kernel
def _lines_loss_grad_parallel(prob, label, ignore, factor, dx, tasks):
    for task in prange(tasks):
        _lines_loss_grad(prob, label, ignore, factor, dx, task, task + 1)
