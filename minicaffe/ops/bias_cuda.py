"""What comes after a convolution on the GPU where cuDNN does not do it along the way."""

from __future__ import annotations

from math import prod

from minicaffe.device import Array
from minicaffe.ops.cuda import Kernel

_add_bias_relu = Kernel(
    "add_bias_relu",
    """
extern "C" __global__ void add_bias_relu(
    I count, T* y, const T* bias, I plane, I channels, bool relu
) {
    const I i = (I)blockIdx.x * THREADS + threadIdx.x;
    if (i >= count) return;
    const T result = bias ? y[i] + bias[i / plane % channels] : y[i];
    y[i] = relu && result < 0 ? (T)0 : result;
}
""",
)


def finish(y: Array, bias: Array | None, relu: bool) -> None:
    """Add ``bias`` (C,) to ``y`` (N, C, \\*size), and cut off what is below 0; NaN stays."""
    if bias is not None or relu:
        _add_bias_relu(y.size, y, bias, prod(y.shape[2:]), y.shape[1], relu)
