"""Smooth L1 distance: quadratic near 0, linear beyond; with weights inside and outside of it."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.smooth_l1_cpu")
def smooth_l1(
    xp: ModuleType,
    x: Array,
    y: Array,
    inside: Array | None,
    outside: Array | None,
    sigma: float,
    total: Array,
) -> None:
    """Write ``sum(outside * f(inside * (x - y)))`` to ``total``.

    f(d) is ``(sigma d)^2 / 2`` where ``abs(d) < 1 / sigma^2``, ``abs(d) - 1 / (2 sigma^2)`` beyond.

    Args:
        xp: array module of ``x``.
        x: (n,).
        y: as ``x``.
        inside: as ``x``; None: 1.
        outside: as ``x``; None: 1.
        sigma: positive.
        total: (1,) float64.
    """
    d = x - y if inside is None else inside * (x - y)
    square, size = sigma * sigma, abs(d)
    lost = xp.where(size < 1 / square, 0.5 * square * d * d, size - 0.5 / square)
    total[0] = (lost if outside is None else outside * lost).sum(dtype=xp.float64)


@compiled_in("minicaffe.ops.smooth_l1_cpu")
def smooth_l1_grad(
    xp: ModuleType,
    x: Array,
    y: Array,
    inside: Array | None,
    outside: Array | None,
    sigma: float,
    factor: Array,
    dx: Array,
) -> None:
    """Write ``factor`` times the gradient for ``x`` of ``smooth_l1`` to ``dx``.

    Args:
        xp: array module of ``x``.
        x: (n,), as it was given.
        y: as it was given.
        inside: as it was given.
        outside: as it was given.
        sigma: as it was given.
        factor: a scalar, or an array of no axes.
        dx: as ``x``.
    """
    d = x - y if inside is None else inside * (x - y)
    square = sigma * sigma
    slope = xp.where(abs(d) < 1 / square, square * d, xp.sign(d)) * factor
    for weight in (inside, outside):
        if weight is not None:
            slope = slope * weight
    dx[...] = slope
