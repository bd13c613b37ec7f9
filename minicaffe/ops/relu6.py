"""ReLU6: each element by itself, so an output may be the input's own array."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in

MOST = 6


@compiled_in("minicaffe.ops.relu6_cpu")
def relu6(xp: ModuleType, x: Array, y: Array) -> None:
    """``min(max(x, 0), 6)``; NaN stays.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
    """
    y[...] = xp.minimum(xp.maximum(x, 0), MOST)


@compiled_in("minicaffe.ops.relu6_cpu")
def relu6_grad(xp: ModuleType, x: Array, dy: Array, dx: Array) -> None:
    """The gradient of ``relu6``: what is between the ends passes it.

    Args:
        xp: array module.
        x: what ``relu6`` read.
        dy: as ``x``.
        dx: as ``x``, written; may be ``dy``.
    """
    dx[...] = dy * ((x > 0) & (x < MOST))
