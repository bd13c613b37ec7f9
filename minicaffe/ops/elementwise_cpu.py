"""Activations for the CPU: one pass over flat arrays, vectorised, cut into a share a thread.

Numba has no vector tanh, and NumPy's runs on one core: in float32 it is a rational function here,
which the compiler turns into vector code. In float64, which only tests use, it is NumPy's.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.numba_cpu import inner, kernel, prange

# tanh(x) = x P(x^2) / Q(x^2) for |x| <= 9.02, past which tanh is 1 in float32. Fitted to mpmath's
# tanh: least squares on the relative error at 160 Chebyshev points, reweighted by the error until
# it was level at 2.1e-8. Evaluated in float32 it is within 6 units in the last place.
_P = tuple(
    map(np.float32, (0.9999999796, 0.1337967799, 3.493982012e-3, 2.058244212e-5, 1.331735894e-8))
)
_Q = tuple(map(np.float32, (1, 0.467129935, 0.02587088614, 3.282998996e-4, 7.761373351e-7)))
_END = np.float32(9.02)
_ONE = np.float32(1)
_HALF = np.float32(0.5)


def relu(x: Array, y: Array, slope: float) -> None:
    """``elementwise.relu``."""
    _relu(x.reshape(-1), y.reshape(-1), x.dtype.type(slope))


def relu_grad(x: Array, dy: Array, dx: Array, slope: float) -> None:
    """``elementwise.relu_grad``."""
    _relu_grad(x.reshape(-1), dy.reshape(-1), dx.reshape(-1), x.dtype.type(slope))


def sigmoid(x: Array, y: Array) -> None:
    """``elementwise.sigmoid``."""
    if x.dtype == np.float32:
        _sigmoid(x.reshape(-1), y.reshape(-1))
    else:
        np.tanh(0.5 * x, out=y)
        y[...] = 0.5 * y + 0.5


def sigmoid_grad(y: Array, dy: Array, dx: Array) -> None:
    """``elementwise.sigmoid_grad``."""
    _sigmoid_grad(y.reshape(-1), dy.reshape(-1), dx.reshape(-1))


def tanh(x: Array, y: Array) -> None:
    """``elementwise.tanh``."""
    if x.dtype == np.float32:
        _tanh(x.reshape(-1), y.reshape(-1))
    else:
        np.tanh(x, out=y)


def tanh_grad(y: Array, dy: Array, dx: Array) -> None:
    """``elementwise.tanh_grad``."""
    _tanh_grad(y.reshape(-1), dy.reshape(-1), dx.reshape(-1))


@kernel
def _relu(x, y, slope):
    for i in prange(x.size):
        y[i] = x[i] if x[i] > 0 else slope * x[i]


@kernel
def _relu_grad(x, dy, dx, slope):
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for i in prange(x.size):
        not_positive = slope if x[i] <= 0 else zero  # NaN is neither
        dx[i] = dy[i] * (one if x[i] > 0 else not_positive)


@inner
def rational_tanh(x):
    """tanh in float32, without branches or calls, so that loops around it vectorize."""
    t = x * x
    p = _P[0] + t * (_P[1] + t * (_P[2] + t * (_P[3] + t * _P[4])))
    q = _Q[0] + t * (_Q[1] + t * (_Q[2] + t * (_Q[3] + t * _Q[4])))
    y = x * p / q
    y = _ONE if x > _END or y > _ONE else y  # NaN fails each comparison, and stays
    return -_ONE if x < -_END or y < -_ONE else y


@kernel
def _sigmoid(x, y):
    for i in prange(x.size):
        y[i] = _HALF * rational_tanh(_HALF * x[i]) + _HALF


@kernel
def _sigmoid_grad(y, dy, dx):
    one = y.dtype.type(1)
    for i in prange(y.size):
        dx[i] = dy[i] * y[i] * (one - y[i])


@kernel
def _tanh(x, y):
    for i in prange(x.size):
        y[i] = rational_tanh(x[i])


@kernel
def _tanh_grad(y, dy, dx):
    one = y.dtype.type(1)
    for i in prange(y.size):
        dx[i] = dy[i] * (one - y[i] * y[i])
