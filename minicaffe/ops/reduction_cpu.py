"""Compiled bodies of ``ops.reduction``: a task is a piece of a row, the pieces add up in order."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

from minicaffe.ops.numba_cpu import inner, kernel, prange
from minicaffe.ops.reduction import ASUM, SUM
from minicaffe.ops.scratch_cpu import scratch

PIECE = 16384


def reduce_rows(x, kind, coeff, y):
    """See ``ops.reduction.reduce_rows``."""
    pieces = -(-x.shape[1] // PIECE)
    parts = scratch(len(x) * pieces, x.dtype).reshape(len(x), pieces)
    _sums(x, kind, parts)
    _add_up(parts, coeff, y)


@inner
def _sum(x, kind):
    total = x.dtype.type(0)
    if kind == SUM:
        for j in range(x.size):
            total += x[j]
    elif kind == ASUM:
        for j in range(x.size):
            total += abs(x[j])
    else:
        for j in range(x.size):
            total += x[j] * x[j]
    return total


@kernel
def _sums(x, kind, parts):
    pieces = parts.shape[1]
    for task in prange(parts.size):
        n, piece = task // pieces, task % pieces
        parts[n, piece] = _sum(x[n, piece * PIECE : (piece + 1) * PIECE], kind)


@inner
def _add_up(parts, coeff, y):
    for n in range(y.size):
        total = 0.0
        for piece in range(parts.shape[1]):
            total += parts[n, piece]
        y[n] = total * coeff


def reduce_rows_grad(x, kind, coeff, dy, dx):
    """See ``ops.reduction.reduce_rows_grad``."""
    _grad(x, kind, x.dtype.type(coeff), dy, dx, max(1, -(-x.shape[1] // PIECE)))


@kernel
def _grad(x, kind, coeff, dy, dx, pieces):
    for task in prange(x.shape[0] * pieces):
        n, piece = task // pieces, task % pieces
        value = x[n, piece * PIECE : (piece + 1) * PIECE]
        out = dx[n, piece * PIECE : (piece + 1) * PIECE]
        factor = dy[n] * coeff
        if kind == SUM:
            out[:] = factor
        elif kind == ASUM:
            none = 0 * factor
            for j in range(out.size):
                not_positive = -factor if value[j] < 0 else none  # NaN is neither
                out[j] = factor if value[j] > 0 else not_positive
        else:
            for j in range(out.size):
                out[j] = value[j] * (2 * factor)
