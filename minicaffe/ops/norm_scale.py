"""Standardizing, a factor, an offset and what is positive of that, as one function.

What BatchNorm, Scale and ReLU do one after the other, without what lies between them. Everything
has shape (N, C, S), a channel being what is at one index of C.
"""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.norm_scale_cpu")
def norm_scale(
    xp: ModuleType,
    x: Array,
    y: Array,
    factor: Array,
    offset: Array,
    mean: Array,
    variance: Array,
    std: Array,
    eps: float,
    relu: bool,
) -> None:
    """``y = factor (x - mean) / std + offset``, ``std = sqrt(variance + eps)``; or its max with 0.

    Args:
        xp: array module.
        x: (N, C, S), none of them 0.
        y: as ``x``, written.
        factor: (C,); likewise ``offset``.
        offset: see factor.
        mean: (C,), written.
        variance: (C,), written: mean of ``(x - mean)^2``.
        std: (C,), written.
        eps: added to the variance.
        relu: take the maximum with 0.
    """
    mean[...] = x.mean(axis=(0, 2), dtype=xp.float64)
    centred = x - mean[:, None]
    variance[...] = (centred * centred).mean(axis=(0, 2), dtype=xp.float64)
    std[...] = xp.sqrt(variance + eps)
    y[...] = centred * (factor / std)[:, None] + offset[:, None]
    if relu:
        y[...] = xp.maximum(y, 0)


@compiled_in("minicaffe.ops.norm_scale_cpu")
def norm_scale_grad(
    xp: ModuleType,
    x: Array,
    dy: Array,
    dx: Array | None,
    factor: Array,
    offset: Array,
    mean: Array,
    std: Array,
    dfactor: Array | None,
    doffset: Array | None,
    relu: bool,
) -> None:
    """The gradient of ``norm_scale``: with z the standardized x, and g the dy that ReLU passes,

    ``dx = factor / std (g - mean(g) - z mean(g z))``, ``dfactor = sum(g z)``, ``doffset = sum(g)``.

    Args:
        xp: array module.
        x: (N, C, S), as it was given to ``norm_scale``.
        dy: as ``x``.
        dx: as ``x``, written; may be ``dy``. None where not wanted.
        factor: (C,); likewise ``offset``, ``mean`` and ``std``: as then.
        offset: see factor.
        mean: see factor.
        std: see factor.
        dfactor: (C,), added to; or None.
        doffset: likewise.
        relu: as then.
    """
    z = (x - mean[:, None]) / std[:, None]
    g = dy * (z * factor[:, None] + offset[:, None] > 0) if relu else dy
    common = g.mean(axis=(0, 2), dtype=xp.float64)
    along = (g * z).mean(axis=(0, 2), dtype=xp.float64)
    count = x.shape[0] * x.shape[2]
    if dx is not None:
        dx[...] = (g - common[:, None] - z * along[:, None]) * (factor / std)[:, None]
    if dfactor is not None:
        dfactor += (along * count).astype(dfactor.dtype)
    if doffset is not None:
        doffset += (common * count).astype(doffset.dtype)


@compiled_in("minicaffe.ops.norm_scale_cpu")
def affine(xp: ModuleType, x: Array, y: Array, factor: Array, offset: Array, relu: bool) -> None:
    """``y = factor x + offset``, or its maximum with 0.

    Args:
        xp: array module.
        x: (N, C, S).
        y: as ``x``, written; may be ``x``.
        factor: (C,); likewise ``offset``.
        offset: see factor.
        relu: take the maximum with 0.
    """
    y[...] = x * factor[:, None] + offset[:, None]
    if relu:
        y[...] = xp.maximum(y, 0)
