"""ReLU6 for the CPU: one pass, which threads share out."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

from minicaffe.device import Array
from minicaffe.ops.numba_cpu import kernel, prange
from minicaffe.ops.relu6 import MOST


def relu6(x: Array, y: Array) -> None:
    """``relu6.relu6``."""
    _relu6(x.reshape(-1), y.reshape(-1))


def relu6_grad(x: Array, dy: Array, dx: Array) -> None:
    """``relu6.relu6_grad``."""
    _relu6_grad(x.reshape(-1), dy.reshape(-1), dx.reshape(-1))


@kernel
def _relu6(x, y):
    zero, most = x.dtype.type(0), x.dtype.type(MOST)
    for i in prange(x.size):
        v = zero if x[i] < zero else x[i]
        y[i] = most if v > most else v


@kernel
def _relu6_grad(x, dy, dx):
    zero, one, most = x.dtype.type(0), x.dtype.type(1), x.dtype.type(MOST)
    for i in prange(x.size):
        dx[i] = dy[i] * (one if zero < x[i] < most else zero)
