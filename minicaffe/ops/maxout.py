"""The largest of some rows that follow each other."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.maxout_cpu")
def maxout(xp: ModuleType, x: Array, y: Array, index: Array) -> None:
    """``y = max(x)`` over the pieces; NaN where one of them is.

    Args:
        xp: array module.
        x: (R, pieces, S), pieces not 0.
        y: (R, S), written.
        index: int32, as ``y``, written: which is the largest, the first of several.
    """
    index[...] = x.argmax(axis=1)
    y[...] = x.max(axis=1)


@compiled_in("minicaffe.ops.maxout_cpu")
def maxout_grad(xp: ModuleType, dy: Array, index: Array, dx: Array) -> None:
    """The gradient of ``maxout``: dy where the largest was, else 0.

    Args:
        xp: array module.
        dy: (R, S).
        index: as ``maxout`` wrote it.
        dx: (R, pieces, S), written.
    """
    for piece in range(dx.shape[1]):
        dx[:, piece] = xp.where(index == piece, dy, 0)
