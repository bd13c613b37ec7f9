"""Local response normalization: each element over a power of the squares around it."""

from __future__ import annotations

from itertools import product
from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.lrn_cpu")
def lrn(
    xp: ModuleType,
    x: Array,
    y: Array,
    scale: Array,
    axes: tuple[int, ...],
    size: int,
    alpha: float,
    beta: float,
    k: float,
) -> None:
    """``y = x * scale^-beta`` with ``scale = k + alpha * (mean of x^2 over the window)``.

    What the window has outside the input counts as zeros.

    Args:
        xp: array module.
        x: (N, C, H, W).
        y: as ``x``, written.
        scale: as ``x``, written.
        axes: those that the window spans: (1,), channels, or (2, 3), the plane.
        size: of the window along each of them; odd.
        alpha: weight of the squares.
        beta: exponent.
        k: added to the squares.
    """
    scale[...] = k + alpha / size ** len(axes) * _window_sums(xp, x * x, axes, size)
    y[...] = x * scale**-beta


@compiled_in("minicaffe.ops.lrn_cpu")
def lrn_grad(
    xp: ModuleType,
    x: Array,
    y: Array,
    scale: Array,
    dy: Array,
    dx: Array,
    axes: tuple[int, ...],
    size: int,
    alpha: float,
    beta: float,
) -> None:
    """The gradient of ``lrn``: ``dy scale^-beta - 2 alpha beta x (mean of dy y / scale)``.

    Args:
        xp: array module.
        x: (N, C, H, W).
        y: as ``lrn`` wrote it.
        scale: as ``lrn`` wrote it.
        dy: as ``x``.
        dx: as ``x``, written.
        axes: as for ``lrn``.
        size: as for ``lrn``.
        alpha: as for ``lrn``.
        beta: as for ``lrn``.
    """
    mean = _window_sums(xp, dy * y / scale, axes, size) / size ** len(axes)
    dx[...] = dy * scale**-beta - 2 * alpha * beta * x * mean


def _window_sums(xp: ModuleType, a: Array, axes: tuple[int, ...], size: int) -> Array:
    """The sum over the window around each element, cut off at the edges."""
    pads = [(size // 2, size // 2) if axis in axes else (0, 0) for axis in range(a.ndim)]
    padded = xp.pad(a, pads)
    sums = xp.zeros_like(a)
    for offsets in product(range(size), repeat=len(axes)):
        taken = [slice(None)] * a.ndim
        for axis, offset in zip(axes, offsets, strict=True):
            taken[axis] = slice(offset, offset + a.shape[axis])
        sums += padded[tuple(taken)]
    return sums
