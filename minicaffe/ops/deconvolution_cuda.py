"""Deconvolution for the GPU: what convolution has there, with the roles of its arrays swapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minicaffe.device import Array
from minicaffe.ops import columns_cuda
from minicaffe.ops import convolution as ops
from minicaffe.ops.convolution import Window
from minicaffe.ops.cuda import Kernel

_ADD_BIAS = Kernel(
    "add_bias",
    r"""
extern "C" __global__ void add_bias(I count, const T *bias, T *y, int outputs, I outs) {
    I i = (I)blockIdx.x * THREADS + threadIdx.x;
    if (i < count) y[i] += bias[i / outs % outputs];
}
""",
)


def deconvolution(x: Array, w: Array, bias: Array | None, y: Array, window: Window) -> None:
    """``deconvolution.deconvolution``."""
    _convolution_grad()(None, w, x, y, None, None, window)
    if bias is not None and y.size:
        _ADD_BIAS(y.size, bias, y, y.shape[1], y[0, 0].size)


def deconvolution_grad(
    x: Array,
    w: Array,
    dy: Array,
    dx: Array | None,
    dw: Array | None,
    dbias: Array | None,
    window: Window,
) -> None:
    """``deconvolution.deconvolution_grad``."""
    if dx is not None:
        (ops.convolution.cuda or columns_cuda.convolution)(dy, w, None, dx, window)
    if dw is not None:
        _convolution_grad()(dy, w, x, None, dw, None, window)
    if dbias is not None:
        columns_cuda.bias_grad(dy, dbias)


def _convolution_grad() -> Callable[..., Any]:
    return ops.convolution_grad.cuda or columns_cuda.convolution_grad
