"""Activations on the GPU."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.elements_cuda import Elements, compile_together

_relu = Elements("relu", "x -> y; slope", "y = x > 0 ? x : slope * x;")
_relu_grad = Elements(
    "relu_grad", "x, dy -> dx; slope", "dx = dy * ((T)(x > 0) + slope * (T)(x <= 0));"
)
_sigmoid = Elements("sigmoid", "x -> y", "y = (T)0.5 * tanh((T)0.5 * x) + (T)0.5;")
_sigmoid_grad = Elements("sigmoid_grad", "y, dy -> dx", "dx = dy * y * (1 - y);")
_tanh = Elements("hyperbolic_tangent", "x -> y", "y = tanh(x);")
_tanh_grad = Elements("tanh_grad", "y, dy -> dx", "dx = dy * (1 - y * y);")
compile_together(_relu, _relu_grad, _sigmoid, _sigmoid_grad, _tanh, _tanh_grad)


def relu(x: Array, y: Array, slope: float) -> None:
    """``elementwise.relu``."""
    _relu(x, y, slope)


def relu_grad(x: Array, dy: Array, dx: Array, slope: float) -> None:
    """``elementwise.relu_grad``."""
    _relu_grad(x, dy, dx, slope)


def sigmoid(x: Array, y: Array) -> None:
    """``elementwise.sigmoid``."""
    _sigmoid(x, y)


def sigmoid_grad(y: Array, dy: Array, dx: Array) -> None:
    """``elementwise.sigmoid_grad``."""
    _sigmoid_grad(y, dy, dx)


def tanh(x: Array, y: Array) -> None:
    """``elementwise.tanh``."""
    _tanh(x, y)


def tanh_grad(y: Array, dy: Array, dx: Array) -> None:
    """``elementwise.tanh_grad``."""
    _tanh_grad(y, dy, dx)
