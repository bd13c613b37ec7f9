"""One step of a parameter: regularize, update, subtract, in one pass over its arrays."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.update_cpu")
def sgd(
    xp: ModuleType,
    w: Array,
    g: Array,
    v: Array,
    scale: float,
    l2: float,
    l1: float,
    rate: float,
    momentum: float,
) -> None:
    """``v = momentum v + rate (scale g + l2 w + l1 sign(w))``; ``g = v``; ``w -= v``.

    Args:
        xp: array module.
        w: parameter, any shape.
        g: its gradient, same shape; the update afterwards.
        v: momentum, same shape.
        scale: factor on the gradient alone.
        l2: weight decay on w.
        l1: weight decay on the sign of w.
        rate: learning rate of this parameter.
        momentum: of the update before this one.
    """
    regularize(xp, w, g, scale, l2, l1)
    g *= rate
    v *= momentum
    v += g
    g[...] = v
    w -= v


def regularize(xp: ModuleType, w: Array, g: Array, scale: float, l2: float, l1: float) -> None:
    """``g = scale g + l2 w + l1 sign(w)``; arguments as for ``sgd``."""
    g *= scale
    if l2:
        g += l2 * w
    if l1:
        g += l1 * xp.sign(w)


@compiled_in("minicaffe.ops.update_cpu")
def sum_of_squares(xp: ModuleType, x: Array) -> Array | float:
    """The sum of the squares of ``x``, added up in float64, in an order that is always the same."""
    return (x.astype(xp.float64) ** 2).sum()
