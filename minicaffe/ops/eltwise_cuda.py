"""Sums, products and maxima of several arrays on the GPU, up to four at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minicaffe.device import Array
from minicaffe.ops.elements_cuda import Elements, compile_together

_AT_ONCE = 4  # arrays
_sum = Elements(
    "weighted_sum", "a, b?, c?, d? -> y; u, v, w, z", "y = a * u + b * v + c * w + d * z;"
)
_product = Elements("product", "a, b?1, c?1, d?1 -> y", "y = a * b * c * d;")
_ratio_product = Elements("ratio_product", "y, x, dy -> dx", "dx = y / x * dy;")
_maximum = Elements("maximum", "a, b -> y, int index", "index = a > b ? 0 : 1; y = a > b ? a : b;")
_maximum_more = Elements(
    "maximum_more",
    "y, int index, x -> y, index; int which",
    "if (x > y) { y = x; index = which; }",
)
_maximum_grad = Elements(
    "maximum_grad", "int index, dy -> dx; int which", "dx = index == which ? dy : (T)0;"
)
_sum_relu = Elements(
    "sum_relu", "a, b -> y; u, v", "const T sum = a * u + b * v; y = sum < 0 ? (T)0 : sum;"
)
_sum_relu_grad = Elements(
    "sum_relu_grad",
    "y, dy -> da?, db?; u, v",
    "const T passed = y > 0 ? dy : (T)0; da = passed * u; db = passed * v;",
)
compile_together(
    *(_sum, _product, _ratio_product, _maximum, _maximum_more, _maximum_grad),
    *(_sum_relu, _sum_relu_grad),
)


def weighted_sum(xs: Sequence[Array], weights: Sequence[float], y: Array) -> None:
    """``eltwise.weighted_sum``."""
    terms = list(zip(xs, weights, strict=True))

    def add(*some: tuple[Array | None, float]) -> None:
        arrays, factors = zip(*some, strict=True)
        _sum(*arrays, y, *factors)

    _in_groups(add, terms, (None, 0.0), (y, 1.0))


def product(xs: Sequence[Array], y: Array) -> None:
    """``eltwise.product``."""
    _in_groups(lambda *some: _product(*some, y), xs, None, y)


def ratio_product(y: Array, x: Array, dy: Array, dx: Array) -> None:
    """``eltwise.ratio_product``."""
    _ratio_product(y, x, dy, dx)


def maximum(xs: Sequence[Array], y: Array, index: Array) -> None:
    """``eltwise.maximum``."""
    _maximum(*xs[:2], y, index)
    for which, x in enumerate(xs[2:], 2):
        _maximum_more(y, index, x, which)


def maximum_grad(index: Array, i: int, dy: Array, dx: Array) -> None:
    """``eltwise.maximum_grad``."""
    _maximum_grad(index, dy, dx, i)


def sum_relu(a: Array, b: Array, u: float, v: float, y: Array) -> None:
    """``eltwise.sum_relu``."""
    _sum_relu(a, b, y, u, v)


def sum_relu_grad(
    y: Array, dy: Array, u: float, v: float, da: Array | None, db: Array | None
) -> None:
    """``eltwise.sum_relu_grad``."""
    _sum_relu_grad(y, dy, da, db, u, v)


def _in_groups(body: Callable[..., None], items: Sequence[Any], none: Any, so_far: Any) -> None:
    """Run ``body`` on four items at a time; from the second time on the first is what is there."""
    group, rest = list(items[:_AT_ONCE]), list(items[_AT_ONCE:])
    while True:
        body(*group, *[none] * (_AT_ONCE - len(group)))
        if not rest:
            return
        group, rest = [so_far, *rest[: _AT_ONCE - 1]], rest[_AT_ONCE - 1 :]
