"""A factor for each row, times the row, plus another row: the end of a gated shortcut."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.axpy_cpu")
def axpy(xp: ModuleType, a: Array, x: Array, y: Array, z: Array) -> None:
    """``z = a x + y``.

    Args:
        xp: array module.
        a: (R,).
        x: (R, S).
        y: as ``x``.
        z: as ``x``, written.
    """
    xp.multiply(x, a[:, None], out=z)
    z += y


@compiled_in("minicaffe.ops.axpy_cpu")
def axpy_grad(
    xp: ModuleType, a: Array, x: Array, dz: Array, da: Array | None, dx: Array | None
) -> None:
    """The gradient of ``axpy``: ``da = sum(dz x)``, ``dx = a dz``; that for y is ``dz`` itself.

    Args:
        xp: array module.
        a: (R,).
        x: (R, S).
        dz: as ``x``.
        da: as ``a``, written; None where not wanted.
        dx: as ``x``, written; or None.
    """
    if da is not None:
        da[...] = (dz * x).sum(axis=1, dtype=xp.float64)
    if dx is not None:
        xp.multiply(dz, a[:, None], out=dx)
