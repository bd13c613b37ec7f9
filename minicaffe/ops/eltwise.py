"""Sums, products and maxima of several arrays of one shape, element by element."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.eltwise_cpu")
def weighted_sum(xp: ModuleType, xs: Sequence[Array], weights: Sequence[float], y: Array) -> None:
    """Write ``sum_i weights[i] * xs[i]`` to ``y``.

    Args:
        xp: array module of ``y``.
        xs: one or more arrays of one shape.
        weights: one for each of ``xs``.
        y: as each of ``xs``, and none of them.
    """
    xp.multiply(xs[0], weights[0], out=y)
    for x, weight in zip(xs[1:], weights[1:], strict=True):
        y += x * weight


@compiled_in("minicaffe.ops.eltwise_cpu")
def product(xp: ModuleType, xs: Sequence[Array], y: Array) -> None:
    """Write the product of all ``xs`` to ``y``; shapes are as for ``weighted_sum``."""
    y[...] = xs[0]
    for x in xs[1:]:
        y *= x


@compiled_in("minicaffe.ops.eltwise_cpu")
def ratio_product(xp: ModuleType, y: Array, x: Array, dy: Array, dx: Array) -> None:
    """Write ``y / x * dy`` to ``dx``: a factor's gradient, but for 0 in ``x``."""
    dx[...] = y / x * dy


@compiled_in("minicaffe.ops.eltwise_cpu")
def maximum(xp: ModuleType, xs: Sequence[Array], y: Array, index: Array) -> None:
    """Write the largest of ``xs`` to ``y``, and which of them it is to ``index``.

    Of equals the second goes before the first, and both before all that follow: the original's
    order. NaN in the second stays, in another it loses.

    Args:
        xp: array module of ``y``.
        xs: two or more arrays of one shape.
        y: as each of ``xs``, and none of them.
        index: int32, as ``y``.
    """
    first = xs[0] > xs[1]
    y[...] = xp.where(first, xs[0], xs[1])
    index[...] = xp.where(first, 0, 1)
    for i, x in enumerate(xs[2:], 2):
        larger = x > y
        xp.copyto(y, x, where=larger)
        xp.copyto(index, i, where=larger)


@compiled_in("minicaffe.ops.eltwise_cpu")
def maximum_grad(xp: ModuleType, index: Array, i: int, dy: Array, dx: Array) -> None:
    """Write ``dy`` to ``dx`` where ``index``, as ``maximum`` wrote it, is ``i``, else 0."""
    dx[...] = xp.where(index == i, dy, 0)


@compiled_in("minicaffe.ops.eltwise_cpu")
def sum_relu(xp: ModuleType, a: Array, b: Array, u: float, v: float, y: Array) -> None:
    """Write ``max(0, u a + v b)`` to ``y``; NaN stays. Shapes are as for ``weighted_sum``."""
    y[...] = xp.maximum(a * u + b * v, 0)


@compiled_in("minicaffe.ops.eltwise_cpu")
def sum_relu_grad(
    xp: ModuleType,
    y: Array,
    dy: Array,
    u: float,
    v: float,
    da: Array | None,
    db: Array | None,
) -> None:
    """The gradient of ``sum_relu``: ``da = u dy`` and ``db = v dy`` where y is positive, else 0.

    Args:
        xp: array module.
        y: as ``sum_relu`` wrote it.
        dy: as ``y``.
        u: factor of the first.
        v: factor of the second.
        da: as ``y``, written; None where not wanted. Not ``dy``.
        db: likewise.
    """
    passed = xp.where(y > 0, dy, 0)
    for weight, dx in ((u, da), (v, db)):
        if dx is not None:
            dx[...] = passed * weight
