"""Standardizing: take the mean off each channel, and divide by its deviation.

Everything has shape (N, C, S), a channel being what is at one index of C; the mean and deviation
of a channel are over N and S.
"""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.batch_norm_cpu")
def batch_norm(
    xp: ModuleType,
    x: Array,
    y: Array,
    kept: Array | None,
    mean: Array,
    variance: Array,
    std: Array,
    inside: float,
    outside: float,
) -> None:
    """``y = (x - mean) / std`` with ``std = sqrt(variance + inside) + outside``.

    Args:
        xp: array module.
        x: (N, C, S), none of them 0.
        y: as ``x``, written; may be ``x``.
        kept: as ``x``, gets a copy of it, for ``batch_norm_grad`` where ``y`` is ``x``; or None.
        mean: (C,), written.
        variance: (C,), written: mean of ``(x - mean)^2``.
        std: (C,), written.
        inside: added to the variance.
        outside: added to its root.
    """
    if kept is not None:
        kept[...] = x
    mean[...] = x.mean(axis=(0, 2), dtype=xp.float64)
    centred = x - mean[:, None]
    variance[...] = (centred * centred).mean(axis=(0, 2), dtype=xp.float64)
    std[...] = xp.sqrt(variance + inside) + outside
    y[...] = _quotient(xp, centred, std)


@compiled_in("minicaffe.ops.batch_norm_cpu")
def batch_norm_grad(
    xp: ModuleType, x: Array, dy: Array, dx: Array, mean: Array, std: Array
) -> None:
    """The gradient of ``batch_norm``: ``dx = (dy - mean(dy) - y mean(dy y)) / std``.

    That is exact for ``outside`` 0; otherwise y would have to be multiplied by
    ``std / (std - outside)``.

    Args:
        xp: array module.
        x: (N, C, S), as it was given to ``batch_norm``.
        dy: as ``x``.
        dx: as ``x``, written; may be ``dy``.
        mean: as ``batch_norm`` wrote it; likewise ``std``.
        std: see mean.
    """
    y = _quotient(xp, x - mean[:, None], std)
    common = dy.mean(axis=(0, 2), dtype=xp.float64)
    along = (dy * y).mean(axis=(0, 2), dtype=xp.float64)
    dx[...] = _quotient(xp, dy - common[:, None] - y * along[:, None], std)


@compiled_in("minicaffe.ops.batch_norm_cpu")
def normalize(xp: ModuleType, x: Array, y: Array, mean: Array, std: Array) -> None:
    """``y = (x - mean) / std``.

    Args:
        xp: array module.
        x: (N, C, S).
        y: as ``x``, written; may be ``x``.
        mean: (C,).
        std: (C,).
    """
    y[...] = _quotient(xp, x - mean[:, None], std)


@compiled_in("minicaffe.ops.batch_norm_cpu")
def center(xp: ModuleType, x: Array, y: Array) -> None:
    """``y = x - mean(x)``, which is its own gradient.

    Args:
        xp: array module.
        x: (N, C, S), none of them 0.
        y: as ``x``, written; may be ``x``.
    """
    y[...] = x - x.mean(axis=(0, 2), dtype=xp.float64)[:, None]


def _quotient(xp: ModuleType, x: Array, std: Array) -> Array:
    """Times the reciprocal, which is infinite where there is no deviation: NumPy warns of that."""
    zero = std == 0
    return x * xp.where(zero, xp.inf, 1 / xp.where(zero, 1, std))[:, None]
