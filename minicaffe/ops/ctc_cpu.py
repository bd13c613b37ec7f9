"""Connectionist temporal classification on the CPU: threads share the sequences."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import math

import numpy as np

from minicaffe.ops.numba_cpu import inner, kernel, prange


def ctc(x, label, length, blank, cost, dx):
    """See ``ops.ctc.ctc``."""
    if length is None:
        length = np.full(x.shape[1], x.shape[0], x.dtype)
    _ctc(x, label, length, blank, cost, dx)


@kernel
def _ctc(x, label, length, blank, cost, dx):
    for n in prange(x.shape[1]):
        cost[n] = _sequence(x[:, n], label[n], int(length[n]), blank, dx[:, n])


@inner
def _sequence(x, label, steps, blank, dx):
    """``x``, ``dx``: (T, C), of which ``steps`` belong to the sequence."""
    path, needed = _path(label, x.shape[1], blank)
    if needed > steps or steps == 0:
        dx[:] = 0
        return 0.0
    logs = np.empty((steps, x.shape[1]))
    for t in range(steps):
        _log_softmax(x[t], logs[t])
    alpha = np.full((steps, path.size), -np.inf)
    for s in range(min(2, path.size)):
        alpha[0, s] = logs[0, path[s]]
    for t in range(1, steps):
        for s in range(path.size):
            value = alpha[t - 1, s]
            if s > 0:
                value = _log_add(value, alpha[t - 1, s - 1])
            if s > 1 and _skips(path, s):
                value = _log_add(value, alpha[t - 1, s - 2])
            alpha[t, s] = value + logs[t, path[s]]
    log_p = alpha[-1, -1]
    if path.size > 1:
        log_p = _log_add(log_p, alpha[-1, -2])
    _grad(logs, path, alpha, log_p, dx)
    return -log_p


@inner
def _grad(logs, path, alpha, log_p, dx):
    steps, beta = len(logs), np.full(path.size, -np.inf)
    passing = np.empty(logs.shape[1])
    beta[-2:] = 0
    for t in range(steps - 1, -1, -1):
        if t + 1 < steps:
            for s in range(path.size):
                beta[s] += logs[t + 1, path[s]]
            for s in range(path.size):  # upward, so that what is ahead has not been changed
                value = beta[s]
                if s + 1 < path.size:
                    value = _log_add(value, beta[s + 1])
                if s + 2 < path.size and _skips(path, s + 2):
                    value = _log_add(value, beta[s + 2])
                beta[s] = value
        passing[:] = 0
        for s in range(path.size):
            passing[path[s]] += math.exp(alpha[t, s] + beta[s] - log_p)
        for c in range(passing.size):
            dx[t, c] = math.exp(logs[t, c]) - passing[c]
    dx[steps:] = 0


@inner
def _path(label, classes, blank):
    """The labels with blanks around each, and the steps that they need."""
    path, size, needed = np.full(2 * label.size + 1, blank), 1, 0
    for value in label:
        index = np.trunc(value)
        if index >= 0 and index < classes and index != blank:
            k = int(index)
            needed += 2 if size > 1 and path[size - 2] == k else 1
            path[size] = k
            size += 2
    return path[:size], needed


@inner
def _skips(path, s):
    """Whether state ``s`` may follow the one two before it."""
    return s % 2 == 1 and path[s] != path[s - 2]


@inner
def _log_softmax(x, y):
    m = np.float64(x[0])
    for value in x:
        m = max(m, value)
    total = 0.0
    for value in x:
        total += math.exp(value - m)
    log = m + math.log(total)
    for c in range(x.size):
        y[c] = x[c] - log


@inner
def _log_add(a, b):
    """``log(exp(a) + exp(b))``."""
    high, low = (b, a) if a < b else (a, b)
    return high if low == -np.inf else high + math.log1p(math.exp(low - high))
