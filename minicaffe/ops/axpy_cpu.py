"""Compiled bodies of ``ops.axpy``: threads share out the rows, and each is passed over once."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.numba_cpu import kernel, prange


def axpy(a, x, y, z):
    """``axpy.axpy``."""
    _axpy(a, x, y, z)


def axpy_grad(a, x, dz, da, dx):
    """``axpy.axpy_grad``."""
    flags = da is not None, dx is not None
    _axpy_grad(a, x, dz, a[:0] if da is None else da, x[:0] if dx is None else dx, flags)


@kernel
def _axpy(a, x, y, z):
    for r in prange(len(x)):
        factor, row, more, out = a[r], x[r], y[r], z[r]
        for i in range(row.size):
            out[i] = factor * row[i] + more[i]


@kernel
def _axpy_grad(a, x, dz, da, dx, flags):
    want_da, want_dx = flags
    for r in prange(len(x)):
        factor, row, grad = a[r], x[r], dz[r]
        if want_da:
            total = 0.0
            for i in range(row.size):
                total += np.float64(grad[i]) * np.float64(row[i])
            da[r] = total
        if want_dx:
            out = dx[r]
            for i in range(row.size):
                out[i] = factor * grad[i]
