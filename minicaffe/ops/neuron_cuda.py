"""More activations on the GPU."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.elements_cuda import Elements, compile_together

_FUNCTIONS = """
// 1 / (1 + exp(-x)), which does not overflow
__device__ T sigmoid_of(T x) {
    const T e = exp(-fabs(x));
    return (x >= 0 ? (T)1 : e) / (1 + e);
}
// what most powers are needs no logarithm
__device__ T raised(T base, T exponent) {
    if (exponent == 1) return base;
    if (exponent == 2) return base * base;
    return pow(base, exponent);
}
"""
_bnll = Elements("bnll", "x -> y", "y = (x > 0 ? x : (T)0) + log1p(exp(-fabs(x)));")
_bnll_grad = Elements("bnll_grad", "x, dy -> dx", "dx = dy * sigmoid_of(x);")
_clip = Elements("clip", "x -> y; low, high", "y = x < low ? low : x > high ? high : x;")
_clip_grad = Elements(
    "clip_grad", "x, dy -> dx; low, high", "dx = dy * (T)(x >= low && x <= high);"
)
_elu = Elements("elu", "x -> y; alpha", "y = x > 0 ? x : alpha * (exp(x) - 1);")
_elu_grad = Elements("elu_grad", "x, dy -> dx; alpha", "dx = dy * (x > 0 ? (T)1 : alpha * exp(x));")
_exponential = Elements("exponential", "x -> y; scale, shift", "y = exp(scale * x + shift);")
_exponential_grad = Elements(
    "exponential_grad", "x, dy -> dx; scale, shift", "dx = dy * scale * exp(scale * x + shift);"
)
_logarithm = Elements(
    "logarithm", "x -> y; scale, shift, factor", "y = factor * log(scale * x + shift);"
)
_logarithm_grad = Elements(
    "logarithm_grad",
    "x, dy -> dx; scale, shift, factor",
    "dx = dy * (scale * factor / (scale * x + shift));",
)
_power = Elements(
    "power", "x -> y; exponent, scale, shift", "y = raised(scale * x + shift, exponent);"
)
_power_grad = Elements(
    "power_grad",
    "x, dy -> dx; exponent, scale, shift",
    "dx = dy * (exponent * scale * raised(scale * x + shift, exponent - 1));",
)
_swish = Elements("swish", "x -> y; beta", "y = x * sigmoid_of(beta * x);")
_swish_grad = Elements(
    "swish_grad",
    "x, dy -> dx; beta",
    "const T s = sigmoid_of(beta * x); dx = dy * s * (1 + beta * x * (1 - s));",
)
compile_together(
    *(_bnll, _bnll_grad, _clip, _clip_grad, _elu, _elu_grad, _exponential, _exponential_grad),
    *(_logarithm, _logarithm_grad, _power, _power_grad, _swish, _swish_grad),
    before=_FUNCTIONS,
)


def bnll(x: Array, y: Array) -> None:
    """``neuron.bnll``."""
    _bnll(x, y)


def bnll_grad(x: Array, dy: Array, dx: Array) -> None:
    """``neuron.bnll_grad``."""
    _bnll_grad(x, dy, dx)


def clip(x: Array, y: Array, low: float, high: float) -> None:
    """``neuron.clip``."""
    _clip(x, y, low, high)


def clip_grad(x: Array, dy: Array, dx: Array, low: float, high: float) -> None:
    """``neuron.clip_grad``."""
    _clip_grad(x, dy, dx, low, high)


def elu(x: Array, y: Array, alpha: float) -> None:
    """``neuron.elu``."""
    _elu(x, y, alpha)


def elu_grad(x: Array, dy: Array, dx: Array, alpha: float) -> None:
    """``neuron.elu_grad``."""
    _elu_grad(x, dy, dx, alpha)


def exponential(x: Array, y: Array, scale: float, shift: float) -> None:
    """``neuron.exponential``."""
    _exponential(x, y, scale, shift)


def exponential_grad(x: Array, dy: Array, dx: Array, scale: float, shift: float) -> None:
    """``neuron.exponential_grad``."""
    _exponential_grad(x, dy, dx, scale, shift)


def logarithm(x: Array, y: Array, scale: float, shift: float, factor: float) -> None:
    """``neuron.logarithm``."""
    _logarithm(x, y, scale, shift, factor)


def logarithm_grad(
    x: Array, dy: Array, dx: Array, scale: float, shift: float, factor: float
) -> None:
    """``neuron.logarithm_grad``."""
    _logarithm_grad(x, dy, dx, scale, shift, factor)


def power(x: Array, y: Array, exponent: float, scale: float, shift: float) -> None:
    """``neuron.power``."""
    _power(x, y, exponent, scale, shift)


def power_grad(x: Array, dy: Array, dx: Array, exponent: float, scale: float, shift: float) -> None:
    """``neuron.power_grad``."""
    _power_grad(x, dy, dx, exponent, scale, shift)


def swish(x: Array, y: Array, beta: float) -> None:
    """``neuron.swish``."""
    _swish(x, y, beta)


def swish_grad(x: Array, dy: Array, dx: Array, beta: float) -> None:
    """``neuron.swish_grad``."""
    _swish_grad(x, dy, dx, beta)
