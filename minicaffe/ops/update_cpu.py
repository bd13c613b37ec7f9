"""Compiled bodies of ``minicaffe.ops.update``."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.numba_cpu import kernel, prange

_SHARE = 65536  # elements a task takes: sums do not depend on the number of threads


def sgd(w, g, v, scale, l2, l1, rate, momentum):
    """Flat views of the arrays, constants in their type: one variant of the kernel a type."""
    to = w.dtype.type
    _sgd(
        *(array.reshape(-1) for array in (w, g, v)),
        *(to(value) for value in (scale, l2, l1, rate, momentum)),
    )


@kernel
def _sgd(w, g, v, scale, l2, l1, rate, momentum):
    for share in prange((w.size + _SHARE - 1) // _SHARE):
        first, stop = share * _SHARE, min(w.size, (share + 1) * _SHARE)
        ws, gs, vs = w[first:stop], g[first:stop], v[first:stop]  # loops from 0 vectorize
        for i in range(ws.size):
            pull = l2 * ws[i] + l1 * np.sign(ws[i])
            update = momentum * vs[i] + rate * (scale * gs[i] + pull)
            vs[i] = update
            gs[i] = update
            ws[i] -= update


def sum_of_squares(x):
    """Partial sums of fixed shares, added in order."""
    partial = np.empty((x.size + _SHARE - 1) // _SHARE)
    _sums_of_squares(x.reshape(-1), partial)
    return partial.sum()


@kernel
def _sums_of_squares(x, partial):
    for share in prange(partial.size):
        total = 0.0
        part = x[share * _SHARE : min(x.size, (share + 1) * _SHARE)]
        for i in range(part.size):
            total += np.float64(part[i]) * np.float64(part[i])
        partial[share] = total
