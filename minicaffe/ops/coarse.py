"""Activations of few values: each element by itself, so an output may be the input's own array."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.coarse_cpu")
def fixed_point(
    xp: ModuleType, x: Array, y: Array, inside: Array, step: float, most: float
) -> None:
    """``step round(min(max(x / step, -most), most))``, halves away from 0; NaN stays.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
        inside: uint8, as ``x``, written: 1 where ``|x / step|`` is at most ``most``, else 0.
        step: a power of 2.
        most: a whole number that the dtype of ``x`` holds.
    """
    xp.multiply(x, 1 / step, out=y)
    inside[...] = xp.abs(y) <= most
    xp.clip(y, -most, most, out=y)
    whole = xp.trunc(y)
    y -= whole  # exact, so that twice it tells on which side of a half it was
    y *= 2
    y[...] = (whole + xp.trunc(y)) * step


@compiled_in("minicaffe.ops.coarse_cpu")
def sign(xp: ModuleType, x: Array, y: Array, inside: Array) -> None:
    """1 where ``x`` is at least 0, else -1; NaN stays.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
        inside: uint8, as ``x``, written: 1 where ``|x|`` is at most 1, else 0.
    """
    inside[...] = xp.abs(x) <= 1
    y[...] = xp.where(x >= 0, 1, xp.where(x < 0, -1, x))


@compiled_in("minicaffe.ops.coarse_cpu")
def ramp(xp: ModuleType, x: Array, y: Array, width: Array | float) -> None:
    """``min(max(x / width, 0), 1)``; NaN stays.

    Args:
        xp: array module.
        x: any shape.
        y: as ``x``, written; may be ``x``.
        width: above 0; a number, or an array of no axes.
    """
    y[...] = xp.clip(x / width, 0, 1)


@compiled_in("minicaffe.ops.coarse_cpu")
def ramp_grad(xp: ModuleType, y: Array, dy: Array, dx: Array, width: Array | float) -> None:
    """The gradient of ``ramp``: 0 at its ends.

    Args:
        xp: array module.
        y: what ``ramp`` wrote.
        dy: as ``y``.
        dx: as ``y``, written; may be ``dy``.
        width: as it was given.
    """
    dx[...] = dy * ((y > 0) & (y < 1)) / width
