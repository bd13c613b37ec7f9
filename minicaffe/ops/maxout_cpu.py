"""Compiled bodies of ``ops.maxout``: threads share out the rows, and the loops inside vectorise."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.numba_cpu import kernel, prange


def maxout(x, y, index):
    """``maxout.maxout``."""
    _maxout(x, y, index)


def maxout_grad(dy, index, dx):
    """``maxout.maxout_grad``."""
    _maxout_grad(dy, index, dx)


@kernel
def _maxout(x, y, index):
    for r in prange(len(x)):
        best, at = y[r], index[r]
        for i in range(best.size):
            best[i], at[i] = x[r, 0, i], 0
        for piece in range(1, x.shape[1]):
            row = x[r, piece]
            for i in range(best.size):
                value, before = row[i], best[i]
                larger = value > before or (np.isnan(value) and not np.isnan(before))
                best[i] = value if larger else before
                at[i] = np.int32(piece) if larger else at[i]


@kernel
def _maxout_grad(dy, index, dx):
    zero = dx.dtype.type(0)
    for r in prange(len(dx)):
        grad, at = dy[r], index[r]
        for piece in range(dx.shape[1]):
            out = dx[r, piece]
            for i in range(out.size):
                out[i] = grad[i] if at[i] == piece else zero
