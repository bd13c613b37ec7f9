"""PReLU: one slope a channel, and its gradient."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.prelu_cpu")
def prelu(xp: ModuleType, x: Array, slopes: Array, y: Array) -> None:
    """``x`` where it is positive, else its channel's slope times ``x``.

    Args:
        xp: array module.
        x: (N, C, inner).
        slopes: (C,), or (1,) for all channels.
        y: as ``x``, written; may be ``x``.
    """
    y[...] = xp.maximum(x, 0) + slopes[:, None] * xp.minimum(x, 0)


@compiled_in("minicaffe.ops.prelu_cpu")
def prelu_grad(xp: ModuleType, x: Array, slopes: Array, dy: Array, dx: Array) -> None:
    """The gradient of ``prelu`` for its input; nothing passes where ``x`` is NaN.

    Args:
        xp: array module.
        x: what ``prelu`` read.
        slopes: as for ``prelu``.
        dy: as ``x``.
        dx: as ``x``, written; may be ``dy``.
    """
    dx[...] = dy * ((x > 0) + slopes[:, None] * (x <= 0))


@compiled_in("minicaffe.ops.prelu_cpu")
def prelu_slopes_grad(xp: ModuleType, x: Array, dy: Array, dslopes: Array) -> None:
    """The gradient of ``prelu`` for its slopes.

    Args:
        xp: array module.
        x: what ``prelu`` read.
        dy: as ``x``.
        dslopes: as the slopes, added to.
    """
    sums = (dy * x * (x <= 0)).sum((0, 2))
    dslopes += sums if dslopes.size == sums.size else sums.sum()
