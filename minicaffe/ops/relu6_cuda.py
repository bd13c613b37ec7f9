"""ReLU6 on the GPU: one pass."""

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.elements_cuda import Elements, compile_together
from minicaffe.ops.relu6 import MOST

_relu6 = Elements("relu6", "x -> y", f"y = x < 0 ? (T)0 : x > {MOST} ? (T){MOST} : x;")
_relu6_grad = Elements("relu6_grad", "x, dy -> dx", f"dx = dy * (T)(x > 0 && x < {MOST});")
compile_together(_relu6, _relu6_grad)


def relu6(x: Array, y: Array) -> None:
    """``relu6.relu6``."""
    _relu6(x, y)


def relu6_grad(x: Array, dy: Array, dx: Array) -> None:
    """``relu6.relu6_grad``."""
    _relu6_grad(x, dy, dx)
