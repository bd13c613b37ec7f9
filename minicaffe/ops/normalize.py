"""Vectors of length 1, times a factor: of whole items, or of the channels at each position.

Everything has shape (N, C, S). Sums are in float64.
"""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.normalize_cpu")
def normalize(xp: ModuleType, x: Array, factor: Array, y: Array, norm: Array, eps: float) -> None:
    """``y = factor x / norm``, ``norm = sqrt(sum(x^2) + eps)``.

    Args:
        xp: array module.
        x: (N, C, S).
        factor: (C,), or (1,) for all channels.
        y: as ``x``, written.
        norm: written; (N, S) for the length of the channels at each position, (N, 1) for that of
            the whole item.
        eps: added to the sum of squares.
    """
    wide = x.astype(xp.float64)  # a square may be more than float32 holds
    norm[...] = xp.sqrt(_sums(xp, wide * wide, norm) + eps)
    y[...] = x * factor[:, None] * inverse(xp, norm)[:, None]


@compiled_in("minicaffe.ops.normalize_cpu")
def normalize_grad(
    xp: ModuleType,
    x: Array,
    factor: Array,
    dy: Array,
    norm: Array,
    dx: Array | None,
    dfactor: Array | None,
) -> None:
    """The gradient of ``normalize``: ``dx = (factor dy - x sum(factor dy x) / norm^2) / norm``,

    ``dfactor = sum(dy x / norm)``. Where the norm is 0, all of x is, and dx is 0.

    Args:
        xp: array module.
        x: (N, C, S).
        factor: (C,), or (1,) for all channels.
        dy: as ``x``.
        norm: as ``normalize`` wrote it.
        dx: as ``x``, written; None where not wanted.
        dfactor: as ``factor``, added to; or None.
    """
    over = inverse(xp, norm)[:, None]
    if dx is not None:
        g = dy * factor[:, None]
        along = _sums(xp, g * x, norm)[:, None]
        dx[...] = (g - x * (along * over * over)) * over
    if dfactor is not None:
        shares = (dy * (x * over)).sum(axis=(0, 2), dtype=xp.float64)
        dfactor += shares if len(dfactor) == len(shares) else shares.sum()


def inverse(xp: ModuleType, norm: Array) -> Array:
    """``1 / norm``; 0 where that is 0, since all that it is the length of is 0."""
    is_zero = norm == 0
    return xp.where(is_zero, 0, 1 / xp.where(is_zero, 1, norm))


def _sums(xp: ModuleType, products: Array, norm: Array) -> Array:
    """What a norm is the length of, summed up: a position's channels, or a whole item."""
    axes = 1 if norm.shape[1] == products.shape[2] else (1, 2)
    return products.sum(axis=axes, dtype=xp.float64).reshape(norm.shape)
