"""A factor and an offset for each index of the middle axis of (outer, dim, inner)."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.scale_cpu")
def scale(
    xp: ModuleType, x: Array, s: Array | None, b: Array | None, y: Array, kept: Array | None
) -> None:
    """Write ``x * s + b`` to ``y``.

    Args:
        xp: array module of ``x``.
        x: (outer, dim, inner).
        s: (dim,); None for ones.
        b: (dim,); None for zeros.
        y: as ``x``; may be ``x`` itself.
        kept: as ``x``; gets a copy of it. None where none is wanted.
    """
    if kept is not None:
        kept[...] = x
    if s is None:
        y[...] = x
    else:
        xp.multiply(x, s[:, None], out=y)
    if b is not None:
        y += b[:, None]


@compiled_in("minicaffe.ops.scale_cpu")
def scale_grad(
    xp: ModuleType,
    x: Array | None,
    s: Array | None,
    dy: Array,
    dx: Array | None,
    ds: Array | None,
    db: Array | None,
) -> None:
    """The gradients of ``scale``: written to ``dx``, added to ``ds`` and ``db``.

    Args:
        xp: array module of ``dy``.
        x: (outer, dim, inner), as ``scale`` was given it; None will do without ``ds``.
        s: (dim,); None for ones.
        dy: as ``x``.
        dx: as ``x``; may be ``dy`` itself. None where it is not wanted, as for all that follow.
        ds: (dim,).
        db: (dim,).
    """
    if ds is not None:
        ds += (dy * x).sum(axis=2).sum(axis=0)
    if db is not None:
        db += dy.sum(axis=2).sum(axis=0)
    if dx is not None and s is not None:
        xp.multiply(dy, s[:, None], out=dx)
    elif dx is not None:
        dx[...] = dy
