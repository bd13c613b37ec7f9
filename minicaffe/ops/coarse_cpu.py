"""Activations of few values on the CPU: one pass each, which threads share out."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.ops.numba_cpu import kernel, prange


def fixed_point(x, y, inside, step, most):
    """See ``ops.coarse.fixed_point``."""
    kind = x.dtype.type
    args = kind(step), kind(1 / step), kind(most)
    _fixed_point(x.reshape(-1), y.reshape(-1), inside.reshape(-1), *args)


def sign(x, y, inside):
    """See ``ops.coarse.sign``."""
    _sign(x.reshape(-1), y.reshape(-1), inside.reshape(-1))


def ramp(x, y, width):
    """See ``ops.coarse.ramp``."""
    _ramp(x.reshape(-1), y.reshape(-1), x.dtype.type(width))


def ramp_grad(y, dy, dx, width):
    """See ``ops.coarse.ramp_grad``."""
    _ramp_grad(y.reshape(-1), dy.reshape(-1), dx.reshape(-1), y.dtype.type(width))


@kernel
def _fixed_point(x, y, inside, step, inverse, most):
    two = x.dtype.type(2)
    for i in prange(x.size):
        v = x[i] * inverse
        inside[i] = abs(v) <= most
        v = -most if v < -most else v
        v = most if v > most else v
        whole = np.trunc(v)
        y[i] = (whole + np.trunc(two * (v - whole))) * step


@kernel
def _sign(x, y, inside):
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for i in prange(x.size):
        v = x[i]
        inside[i] = abs(v) <= one
        above = one if v >= zero else v
        y[i] = -one if v < zero else above


@kernel
def _ramp(x, y, width):
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for i in prange(x.size):
        v = x[i] / width
        v = zero if v < zero else v
        y[i] = one if v > one else v


@kernel
def _ramp_grad(y, dy, dx, width):
    zero, one = y.dtype.type(0), y.dtype.type(1)
    for i in prange(y.size):
        dx[i] = dy[i] / width if zero < y[i] < one else zero
