"""Standardizing rows, each by itself: whatever else is there, a row gives the same to the bit."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.group_norm_cpu")
def group_norm(xp: ModuleType, x: Array, y: Array, mean: Array, std: Array, eps: float) -> None:
    """``y = (x - mean) / std`` with ``std = sqrt(mean((x - mean)^2) + eps)``.

    Args:
        xp: array module.
        x: (R, S), S not 0.
        y: as ``x``, written; may be ``x``.
        mean: (R,), written.
        std: (R,), written.
        eps: added to the variance.
    """
    mean[...] = x.mean(axis=1, dtype=xp.float64)
    centred = x - mean[:, None]
    wide = centred.astype(xp.float64)  # a square may be more than float32 holds
    std[...] = xp.sqrt((wide * wide).mean(axis=1) + eps)
    y[...] = centred * _inverse(xp, std)[:, None]


@compiled_in("minicaffe.ops.group_norm_cpu")
def group_norm_grad(
    xp: ModuleType, x: Array, dy: Array, dx: Array, mean: Array, std: Array
) -> None:
    """The gradient of ``group_norm``: ``dx = (dy - mean(dy) - y mean(dy y)) / std``.

    Args:
        xp: array module.
        x: (R, S), as it was given to ``group_norm``.
        dy: as ``x``.
        dx: as ``x``, written; may be ``dy``.
        mean: as ``group_norm`` wrote it; likewise ``std``.
        std: see mean.
    """
    over = _inverse(xp, std)[:, None]
    y = (x - mean[:, None]) * over
    common = dy.mean(axis=1, dtype=xp.float64)
    along = (dy * y).mean(axis=1, dtype=xp.float64)
    dx[...] = (dy - common[:, None] - y * along[:, None]) * over


def _inverse(xp: ModuleType, std: Array) -> Array:
    """``1 / std``; 0 where that is 0, as it is with eps 0 for a row of equal elements."""
    is_zero = std == 0
    return xp.where(is_zero, 0, 1 / xp.where(is_zero, 1, std))
