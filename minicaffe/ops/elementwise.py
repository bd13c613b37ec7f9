"""Activations: each element by itself, so an output may be the input's own array."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.elementwise_cpu")
def relu(xp: ModuleType, x: Array, y: Array, slope: float) -> None:
    """``x`` where it is positive, else ``slope * x``; NaN stays, and so does 0 * -inf = NaN.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
        slope: factor of what is not positive.
    """
    y[...] = xp.where(x > 0, x, slope * x)


@compiled_in("minicaffe.ops.elementwise_cpu")
def relu_grad(xp: ModuleType, x: Array, dy: Array, dx: Array, slope: float) -> None:
    """The gradient of ``relu``; nothing passes where ``x`` is NaN.

    Args:
        xp: array module.
        x: what ``relu`` read; what it wrote does as well unless ``slope`` is negative.
        dy: as ``x``.
        dx: as ``x``, written; may be ``dy``.
        slope: as for ``relu``.
    """
    dx[...] = dy * ((x > 0) + slope * (x <= 0))


@compiled_in("minicaffe.ops.elementwise_cpu")
def sigmoid(xp: ModuleType, x: Array, y: Array) -> None:
    """1 / (1 + exp(-x)), as 0.5 tanh(0.5 x) + 0.5, which does not overflow.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
    """
    y[...] = 0.5 * xp.tanh(0.5 * x) + 0.5


@compiled_in("minicaffe.ops.elementwise_cpu")
def sigmoid_grad(xp: ModuleType, y: Array, dy: Array, dx: Array) -> None:
    """The gradient of ``sigmoid``.

    Args:
        xp: array module.
        y: what ``sigmoid`` wrote.
        dy: as ``y``.
        dx: as ``y``, written; may be ``dy``.
    """
    dx[...] = dy * y * (1 - y)


@compiled_in("minicaffe.ops.elementwise_cpu")
def tanh(xp: ModuleType, x: Array, y: Array) -> None:
    """The hyperbolic tangent.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
    """
    y[...] = xp.tanh(x)


@compiled_in("minicaffe.ops.elementwise_cpu")
def tanh_grad(xp: ModuleType, y: Array, dy: Array, dx: Array) -> None:
    """The gradient of ``tanh``.

    Args:
        xp: array module.
        y: what ``tanh`` wrote.
        dy: as ``y``.
        dx: as ``y``, written; may be ``dy``.
    """
    dx[...] = dy * (1 - y * y)
