"""More activations: each element by itself, so an output may be the input's own array.

Every gradient is computed from the input, never from the output, which a later layer may have
overwritten in place.
"""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.neuron_cpu")
def bnll(xp: ModuleType, x: Array, y: Array) -> None:
    """log(1 + exp(x)), as max(x, 0) + log(1 + exp(-|x|)), which does not overflow.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
    """
    y[...] = xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


@compiled_in("minicaffe.ops.neuron_cpu")
def bnll_grad(xp: ModuleType, x: Array, dy: Array, dx: Array) -> None:
    """The gradient of ``bnll``.

    Args:
        xp: array module.
        x: what ``bnll`` read.
        dy: as ``x``.
        dx: as ``x``, written; may be ``dy``.
    """
    dx[...] = dy * _sigmoid(xp, x)


@compiled_in("minicaffe.ops.neuron_cpu")
def clip(xp: ModuleType, x: Array, y: Array, low: float, high: float) -> None:
    """``x`` moved into [low, high]; NaN stays.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
        low: smallest value left.
        high: largest, at least ``low``.
    """
    y[...] = xp.minimum(xp.maximum(x, low), high)


@compiled_in("minicaffe.ops.neuron_cpu")
def clip_grad(xp: ModuleType, x: Array, dy: Array, dx: Array, low: float, high: float) -> None:
    """The gradient of ``clip``: both ends pass it, NaN does not.

    Args:
        xp: array module.
        x: what ``clip`` read.
        dy: as ``x``.
        dx: as ``x``, written; may be ``dy``.
        low, high: as for ``clip``.
    """
    dx[...] = dy * ((x >= low) & (x <= high))


@compiled_in("minicaffe.ops.neuron_cpu")
def elu(xp: ModuleType, x: Array, y: Array, alpha: float) -> None:
    """``x`` where it is positive, else ``alpha * (exp(x) - 1)``.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
        alpha: how far below 0 it goes.
    """
    y[...] = xp.maximum(x, 0) + alpha * (xp.exp(xp.minimum(x, 0)) - 1)


@compiled_in("minicaffe.ops.neuron_cpu")
def elu_grad(xp: ModuleType, x: Array, dy: Array, dx: Array, alpha: float) -> None:
    """The gradient of ``elu``.

    Args:
        xp: array module.
        x: what ``elu`` read.
        dy: as ``x``.
        dx: as ``x``, written; may be ``dy``.
        alpha: as for ``elu``.
    """
    dx[...] = dy * xp.where(x > 0, 1, alpha * xp.exp(xp.minimum(x, 0)))


@compiled_in("minicaffe.ops.neuron_cpu")
def exponential(xp: ModuleType, x: Array, y: Array, scale: float, shift: float) -> None:
    """``exp(scale * x + shift)``.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
        scale, shift: of the exponent.
    """
    y[...] = xp.exp(scale * x + shift)


@compiled_in("minicaffe.ops.neuron_cpu")
def exponential_grad(
    xp: ModuleType, x: Array, dy: Array, dx: Array, scale: float, shift: float
) -> None:
    """The gradient of ``exponential``.

    Args:
        xp: array module.
        x: what ``exponential`` read.
        dy: as ``x``.
        dx: as ``x``, written; may be ``dy``.
        scale, shift: as for ``exponential``.
    """
    dx[...] = dy * scale * xp.exp(scale * x + shift)


@compiled_in("minicaffe.ops.neuron_cpu")
def logarithm(
    xp: ModuleType, x: Array, y: Array, scale: float, shift: float, factor: float
) -> None:
    """``factor * log(scale * x + shift)``; infinite at 0, NaN below.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
        scale, shift: of what the logarithm is taken of.
        factor: of the logarithm.
    """
    y[...] = factor * xp.log(scale * x + shift)


@compiled_in("minicaffe.ops.neuron_cpu")
def logarithm_grad(
    xp: ModuleType, x: Array, dy: Array, dx: Array, scale: float, shift: float, factor: float
) -> None:
    """The gradient of ``logarithm``, by its formula below 0 as well.

    Args:
        xp: array module.
        x: what ``logarithm`` read.
        dy: as ``x``.
        dx: as ``x``, written; may be ``dy``.
        scale, shift, factor: as for ``logarithm``.
    """
    dx[...] = dy * (scale * factor / (scale * x + shift))


@compiled_in("minicaffe.ops.neuron_cpu")
def power(xp: ModuleType, x: Array, y: Array, exponent: float, scale: float, shift: float) -> None:
    """``(scale * x + shift) ** exponent``; NaN where a negative number has no such power.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
        exponent: the power; the bodies differ, NaN or not, for -infinity to a fraction.
        scale, shift: of what is raised to it.
    """
    y[...] = (scale * x + shift) ** exponent


@compiled_in("minicaffe.ops.neuron_cpu")
def power_grad(
    xp: ModuleType, x: Array, dy: Array, dx: Array, exponent: float, scale: float, shift: float
) -> None:
    """The gradient of ``power``: ``exponent * scale * (scale * x + shift) ** (exponent - 1)``.

    Args:
        xp: array module.
        x: what ``power`` read.
        dy: as ``x``.
        dx: as ``x``, written; may be ``dy``.
        exponent, scale, shift: as for ``power``.
    """
    dx[...] = dy * (exponent * scale * (scale * x + shift) ** (exponent - 1))


@compiled_in("minicaffe.ops.neuron_cpu")
def swish(xp: ModuleType, x: Array, y: Array, beta: float) -> None:
    """``x / (1 + exp(-beta * x))``.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
        beta: how sharp the bend at 0 is.
    """
    y[...] = x * _sigmoid(xp, beta * x)


@compiled_in("minicaffe.ops.neuron_cpu")
def swish_grad(xp: ModuleType, x: Array, dy: Array, dx: Array, beta: float) -> None:
    """The gradient of ``swish``.

    Args:
        xp: array module.
        x: what ``swish`` read.
        dy: as ``x``.
        dx: as ``x``, written; may be ``dy``.
        beta: as for ``swish``.
    """
    s = _sigmoid(xp, beta * x)
    dx[...] = dy * s * (1 + beta * x * (1 - s))


def _sigmoid(xp: ModuleType, x: Array) -> Array:
    """1 / (1 + exp(-x)), which does not overflow."""
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1, e) / (1 + e)
