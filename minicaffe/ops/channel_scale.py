"""A factor for each position, times all channels there."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.channel_scale_cpu")
def channel_scale(xp: ModuleType, x: Array, a: Array, y: Array) -> None:
    """``y[n, c, s] = a[n, s] x[n, c, s]``.

    Args:
        xp: array module.
        x: (N, C, S).
        a: (N, S).
        y: as ``x``, written.
    """
    xp.multiply(x, a[:, None], out=y)


@compiled_in("minicaffe.ops.channel_scale_cpu")
def channel_scale_grad(
    xp: ModuleType, x: Array, a: Array, dy: Array, dx: Array | None, da: Array | None
) -> None:
    """The gradient of ``channel_scale``: ``dx = a dy``, ``da[n, s] = sum over c of dy x``.

    Args:
        xp: array module.
        x: (N, C, S).
        a: (N, S).
        dy: as ``x``.
        dx: as ``x``, written; None where not wanted.
        da: as ``a``, written; or None.
    """
    if da is not None:
        da[...] = (dy * x).sum(axis=1, dtype=xp.float64)
    if dx is not None:
        xp.multiply(dy, a[:, None], out=dx)
