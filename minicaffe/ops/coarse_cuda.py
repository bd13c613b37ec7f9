"""Activations of few values on the GPU: one pass each."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.elements_cuda import Elements, compile_together

_fixed_point = Elements(
    "fixed_point",
    "x -> y, unsigned char inside; double step, double most",
    "const T scaled = x * (T)(1 / step); inside = fabs(scaled) <= (T)most;"
    " T cut = scaled < -(T)most ? -(T)most : scaled > (T)most ? (T)most : scaled;"
    " const T whole = trunc(cut); y = (whole + trunc(2 * (cut - whole))) * (T)step;",
)
_sign = Elements(
    "sign",
    "x -> y, unsigned char inside",
    "inside = fabs(x) <= 1; y = x >= 0 ? (T)1 : x < 0 ? (T)-1 : x;",
)
_ramp = Elements(
    "ramp",
    "x -> y; width@",
    "const T along = x / width; y = along < 0 ? (T)0 : along > 1 ? (T)1 : along;",
)
_ramp_grad = Elements("ramp_grad", "y, dy -> dx; width@", "dx = dy * (T)(y > 0 && y < 1) / width;")
compile_together(_fixed_point, _sign, _ramp, _ramp_grad)


def fixed_point(x: Array, y: Array, inside: Array, step: float, most: float) -> None:
    """``coarse.fixed_point``."""
    _fixed_point(x, y, inside, step, most)


def sign(x: Array, y: Array, inside: Array) -> None:
    """``coarse.sign``."""
    _sign(x, y, inside)


def ramp(x: Array, y: Array, width: Array | float) -> None:
    """``coarse.ramp``."""
    _ramp(x, y, width)


def ramp_grad(y: Array, dy: Array, dx: Array, width: Array | float) -> None:
    """``coarse.ramp_grad``."""
    _ramp_grad(y, dy, dx, width)
