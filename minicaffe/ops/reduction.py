"""One number from each row."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in

SUM, ASUM, SUMSQ = range(3)


@compiled_in("minicaffe.ops.reduction_cpu")
def reduce_rows(xp: ModuleType, x: Array, kind: int, coeff: float, y: Array) -> None:
    """Write ``coeff`` times the sum of each row to ``y``.

    Args:
        xp: array module of ``x``.
        x: (rows, length).
        kind: SUM of the elements, ASUM of their magnitudes, SUMSQ of their squares.
        coeff: factor.
        y: (rows,).
    """
    terms = x
    if kind != SUM:
        terms = xp.abs(x) if kind == ASUM else x * x
    xp.multiply(terms.sum(axis=1), coeff, out=y)


@compiled_in("minicaffe.ops.reduction_cpu")
def reduce_rows_grad(
    xp: ModuleType, x: Array, kind: int, coeff: float, dy: Array, dx: Array
) -> None:
    """Write the gradient for ``x`` of ``reduce_rows`` to ``dx``; that of a magnitude at 0 is 0.

    Args:
        xp: array module of ``x``.
        x: (rows, length).
        kind: as for ``reduce_rows``.
        coeff: factor.
        dy: (rows,).
        dx: as ``x``.
    """
    factor = (dy * coeff)[:, None]
    if kind == SUM:
        dx[...] = factor
    elif kind == ASUM:
        dx[...] = xp.where(x > 0, factor, xp.where(x < 0, -factor, 0 * factor))
    else:
        xp.multiply(x, 2 * factor, out=dx)
