"""Compiled bodies of ``minicaffe.ops.update``."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops import update as ops
from minicaffe.ops.numba_cpu import inner, kernel, prange

_SHARE = 65536  # elements a task takes: sums do not depend on the number of threads


def _run(body, arrays, *scalars):
    """Flat views of the arrays, constants in their type: one variant of the kernel a type."""
    to = arrays[0].dtype.type
    body(*(array.reshape(-1) for array in arrays), *(to(value) for value in scalars))


def sgd(w, g, v, scale, l2, l1, rate, momentum):
    """``update.sgd``."""
    _run(_sgd, (w, g, v), scale, l2, l1, rate, momentum)


def nesterov(w, g, v, scale, l2, l1, rate, momentum):
    """``update.nesterov``."""
    _run(_nesterov, (w, g, v), scale, l2, l1, rate, momentum)


def rmsprop(w, g, h, scale, l2, l1, rate, keep, take, delta):
    """``update.rmsprop``."""
    _run(_rmsprop, (w, g, h), scale, l2, l1, rate, keep, take, delta)


def adadelta(w, g, h, u, scale, l2, l1, rate, keep, delta):
    """``update.adadelta``."""
    _run(_adadelta, (w, g, h, u), scale, l2, l1, rate, keep, 1 - keep, delta)


def adam(w, g, m, v, scale, l2, l1, rate, beta1, beta2, delta, shrink_l2, shrink_l1):
    """``update.adam``."""
    averages = beta1, 1 - beta1, beta2, 1 - beta2
    _run(_adam, (w, g, m, v), scale, l2, l1, rate, *averages, delta, shrink_l2, shrink_l1)


@inner
def _shares(size):
    return (size + _SHARE - 1) // _SHARE


@inner
def _decay(w, l2, l1):
    return l2 * w + l1 * np.sign(w)


# Each share is a slice: loops that count from 0 vectorize.


@kernel
def _sgd(w, g, v, scale, l2, l1, rate, momentum):
    for share in prange(_shares(w.size)):
        part = slice(share * _SHARE, (share + 1) * _SHARE)
        ws, gs, vs = w[part], g[part], v[part]
        for i in range(ws.size):
            update = momentum * vs[i] + rate * (scale * gs[i] + _decay(ws[i], l2, l1))
            vs[i] = update
            gs[i] = update
            ws[i] -= update


@kernel
def _nesterov(w, g, v, scale, l2, l1, rate, momentum):
    for share in prange(_shares(w.size)):
        part = slice(share * _SHARE, (share + 1) * _SHARE)
        ws, gs, vs = w[part], g[part], v[part]
        for i in range(ws.size):
            before = momentum * vs[i]
            after = before + rate * (scale * gs[i] + _decay(ws[i], l2, l1))
            update = after + (momentum * after - before)
            vs[i] = after
            gs[i] = update
            ws[i] -= update


@kernel
def _rmsprop(w, g, h, scale, l2, l1, rate, keep, take, delta):
    for share in prange(_shares(w.size)):
        part = slice(share * _SHARE, (share + 1) * _SHARE)
        ws, gs, hs = w[part], g[part], h[part]
        for i in range(ws.size):
            grad = scale * gs[i] + _decay(ws[i], l2, l1)
            square = keep * hs[i] + take * (grad * grad)
            update = rate * grad / (np.sqrt(square) + delta)
            hs[i] = square
            gs[i] = update
            ws[i] -= update


@kernel
def _adadelta(w, g, h, u, scale, l2, l1, rate, keep, take, delta):
    for share in prange(_shares(w.size)):
        part = slice(share * _SHARE, (share + 1) * _SHARE)
        ws, gs, hs, us = w[part], g[part], h[part], u[part]
        for i in range(ws.size):
            grad = scale * gs[i] + _decay(ws[i], l2, l1)
            square = keep * hs[i] + take * (grad * grad)
            step = grad * np.sqrt((us[i] + delta) / (square + delta))
            update = rate * step
            hs[i] = square
            us[i] = keep * us[i] + take * (step * step)
            gs[i] = update
            ws[i] -= update


@kernel
def _adam(w, g, m, v, scale, l2, l1, rate, beta1, take1, beta2, take2, delta, shrink_l2, shrink_l1):
    for share in prange(_shares(w.size)):
        part = slice(share * _SHARE, (share + 1) * _SHARE)
        ws, gs, ms, vs = w[part], g[part], m[part], v[part]
        for i in range(ws.size):
            grad = scale * gs[i] + _decay(ws[i], l2, l1)
            mean = beta1 * ms[i] + take1 * grad
            square = beta2 * vs[i] + take2 * (grad * grad)
            update = rate * mean / (np.sqrt(square) + delta) + _decay(ws[i], shrink_l2, shrink_l1)
            ms[i] = mean
            vs[i] = square
            gs[i] = update
            ws[i] -= update


def trust_ratio(w, g, scale, l2, l1, trust):
    """``update.trust_ratio``, whose sums are what takes time."""
    return ops.trust_ratio.reference(np, w, g, scale, l2, l1, trust)


def sum_of_squares(x):
    """Partial sums of fixed shares, added in order."""
    partial = np.empty(_shares(x.size))
    _sums_of_squares(x.reshape(-1), partial)
    return partial.sum()


@kernel
def _sums_of_squares(x, partial):
    for share in prange(partial.size):
        total = 0.0
        part = x[share * _SHARE : (share + 1) * _SHARE]
        for i in range(part.size):
            total += np.float64(part[i]) * np.float64(part[i])
        partial[share] = total
