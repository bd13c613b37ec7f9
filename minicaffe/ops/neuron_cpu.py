"""More activations for the CPU: flat arrays, one pass, vectorised, cut into a share a thread."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import numpy as np

from minicaffe.device import Array
from minicaffe.ops.exp_cpu import exp
from minicaffe.ops.log_cpu import log, log1p
from minicaffe.ops.numba_cpu import inner, kernel, prange


def bnll(x: Array, y: Array) -> None:
    """``neuron.bnll``."""
    _bnll(x.reshape(-1), y.reshape(-1))


def bnll_grad(x: Array, dy: Array, dx: Array) -> None:
    """``neuron.bnll_grad``."""
    _bnll_grad(x.reshape(-1), dy.reshape(-1), dx.reshape(-1))


def clip(x: Array, y: Array, low: float, high: float) -> None:
    """``neuron.clip``."""
    _clip(x.reshape(-1), y.reshape(-1), *_as(x, low, high))


def clip_grad(x: Array, dy: Array, dx: Array, low: float, high: float) -> None:
    """``neuron.clip_grad``."""
    _clip_grad(x.reshape(-1), dy.reshape(-1), dx.reshape(-1), *_as(x, low, high))


def elu(x: Array, y: Array, alpha: float) -> None:
    """``neuron.elu``."""
    _elu(x.reshape(-1), y.reshape(-1), *_as(x, alpha))


def elu_grad(x: Array, dy: Array, dx: Array, alpha: float) -> None:
    """``neuron.elu_grad``."""
    _elu_grad(x.reshape(-1), dy.reshape(-1), dx.reshape(-1), *_as(x, alpha))


def exponential(x: Array, y: Array, scale: float, shift: float) -> None:
    """``neuron.exponential``."""
    _exponential(x.reshape(-1), y.reshape(-1), *_as(x, scale, shift))


def exponential_grad(x: Array, dy: Array, dx: Array, scale: float, shift: float) -> None:
    """``neuron.exponential_grad``."""
    _exponential_grad(x.reshape(-1), dy.reshape(-1), dx.reshape(-1), *_as(x, scale, shift))


def logarithm(x: Array, y: Array, scale: float, shift: float, factor: float) -> None:
    """``neuron.logarithm``."""
    _logarithm(x.reshape(-1), y.reshape(-1), *_as(x, scale, shift, factor))


def logarithm_grad(
    x: Array, dy: Array, dx: Array, scale: float, shift: float, factor: float
) -> None:
    """``neuron.logarithm_grad``."""
    scalars = _as(x, scale, shift, scale * factor)
    _logarithm_grad(x.reshape(-1), dy.reshape(-1), dx.reshape(-1), *scalars)


def power(x: Array, y: Array, exponent: float, scale: float, shift: float) -> None:
    """``neuron.power``; in float32, errs by as many last places as the result has powers of e."""
    scalars = _as(x, exponent, _sign_below(exponent), scale, shift)
    _power(x.reshape(-1), y.reshape(-1), *scalars)


def power_grad(x: Array, dy: Array, dx: Array, exponent: float, scale: float, shift: float) -> None:
    """``neuron.power_grad``."""
    lower = exponent - 1
    scalars = _as(x, lower, _sign_below(lower), scale, shift, exponent * scale)
    _power_grad(x.reshape(-1), dy.reshape(-1), dx.reshape(-1), *scalars)


def swish(x: Array, y: Array, beta: float) -> None:
    """``neuron.swish``."""
    _swish(x.reshape(-1), y.reshape(-1), *_as(x, beta))


def swish_grad(x: Array, dy: Array, dx: Array, beta: float) -> None:
    """``neuron.swish_grad``."""
    _swish_grad(x.reshape(-1), dy.reshape(-1), dx.reshape(-1), *_as(x, beta))


def _as(x: Array, *scalars: float) -> tuple[np.generic, ...]:
    """``scalars`` in the precision of ``x``: a kernel that mixes two computes in the higher."""
    return tuple(map(x.dtype.type, scalars))


def _sign_below(exponent: float) -> float:
    """What ``abs(b) ** exponent`` is multiplied with for negative b: NaN for a fraction."""
    return 1 - 2 * (exponent % 2) if exponent % 1 == 0 else np.nan


@inner
def _sigmoid(x):
    one = type(x)(1)
    return one / (one + exp(-x))


@inner
def _raise(b, exponent, sign_below):
    """``b ** exponent``; the branches are the same for a whole array."""
    if exponent == 0:
        return type(b)(1)
    if exponent == 1:
        return b
    if exponent == 2:
        return b * b
    y = exp(exponent * log(abs(b)))
    return sign_below * y if b < 0 else y


@kernel
def _bnll(x, y):
    zero = x.dtype.type(0)
    for i in prange(x.size):
        y[i] = (x[i] if x[i] > 0 else zero) + log1p(exp(-abs(x[i])))


@kernel
def _bnll_grad(x, dy, dx):
    for i in prange(x.size):
        dx[i] = dy[i] * _sigmoid(x[i])


@kernel
def _clip(x, y, low, high):
    for i in prange(x.size):
        v = low if x[i] < low else x[i]
        y[i] = high if v > high else v


@kernel
def _clip_grad(x, dy, dx, low, high):
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for i in prange(x.size):
        dx[i] = dy[i] * (one if low <= x[i] <= high else zero)


@kernel
def _elu(x, y, alpha):
    one = x.dtype.type(1)
    for i in prange(x.size):
        y[i] = x[i] if x[i] > 0 else alpha * (exp(x[i]) - one)


@kernel
def _elu_grad(x, dy, dx, alpha):
    one = x.dtype.type(1)
    for i in prange(x.size):
        dx[i] = dy[i] * (one if x[i] > 0 else alpha * exp(x[i]))


@kernel
def _exponential(x, y, scale, shift):
    for i in prange(x.size):
        y[i] = exp(scale * x[i] + shift)


@kernel
def _exponential_grad(x, dy, dx, scale, shift):
    for i in prange(x.size):
        dx[i] = dy[i] * scale * exp(scale * x[i] + shift)


@kernel
def _logarithm(x, y, scale, shift, factor):
    for i in prange(x.size):
        y[i] = factor * log(scale * x[i] + shift)


@kernel
def _logarithm_grad(x, dy, dx, scale, shift, factor):
    for i in prange(x.size):
        dx[i] = dy[i] * (factor / (scale * x[i] + shift))


@kernel
def _power(x, y, exponent, sign_below, scale, shift):
    for i in prange(x.size):
        y[i] = _raise(scale * x[i] + shift, exponent, sign_below)


@kernel
def _power_grad(x, dy, dx, exponent, sign_below, scale, shift, factor):
    for i in prange(x.size):
        dx[i] = dy[i] * (factor * _raise(scale * x[i] + shift, exponent, sign_below))


@kernel
def _swish(x, y, beta):
    for i in prange(x.size):
        y[i] = x[i] * _sigmoid(beta * x[i])


@kernel
def _swish_grad(x, dy, dx, beta):
    one = x.dtype.type(1)
    for i in prange(x.size):
        s = _sigmoid(beta * x[i])
        dx[i] = dy[i] * s * (one + beta * x[i] * (one - s))
