"""Deconvolution: a convolution's gradient as a layer; what learned upsampling is made of."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import ShapeError
from minicaffe.layers._weights import num_output, warn_of_zeros
from minicaffe.layers._window import Filters, check_bottoms, check_group, read_window
from minicaffe.layers.registry import register_layer
from minicaffe.ops import deconvolution as ops
from minicaffe.ops.products import products


@register_layer("Deconvolution")
class Deconvolution(Filters):
    """``y[o] = bias[o] + sum over c of w[c, o] * x[c]``: each element of x puts a copy of w into y.

    ``y[o, p * stride - pad + t * dilation]`` gets ``w[c, o, t] x[c, p]``: the transpose of a
    convolution with the same kernel, stride, pad and dilation.

    Shapes, with ``out = stride (size - 1) + dilation (kernel - 1) + 1 - 2 pad`` along each of any
    number of spatial axes; C is the axis named ``axis``:
        bottom[i]  x  (\\*N, C, \\*size); all alike
        top[i]     y  (\\*N, num_output, \\*out)
    Blobs, which all bottoms share:
        [0]  w     (C, num_output / group, \\*kernel)
        [1]  bias  (num_output,), unless ``bias_term: false``
    Definition: ``convolution_param``, as Convolution reads it. To enlarge a map s times:
    ``kernel_size: 2s - s % 2``, ``stride: s``, ``pad: round_up((s - 1) / 2)``, ``num_output`` and
    ``group`` the channels, ``weight_filler { type: "bilinear" }``, no bias, and
    ``param { lr_mult: 0 }`` to leave it so.
    After: src/caffe/layers/deconv_layer.cpp and base_conv_layer.cpp (M. Zeiler, D. Krishnan,
    G. Taylor, R. Fergus, "Deconvolutional networks", 2010). Differs as Convolution does.
    """

    apply = ops.deconvolution
    apply_grad = ops.deconvolution_grad

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.convolution_param
        self._axis = bottom[0].canonical_axis(param.axis)
        self._channels = bottom[0].shape[self._axis]
        self._outputs = num_output(param)
        self.window = read_window(param, bottom[0].ndim - self._axis - 1)
        self.products = products(self.device, param.engine)
        check_group(param.group, self._channels, self._outputs)
        warn_of_zeros(self, param, "deconv_layer.cpp:1")
        per_group = self._outputs // param.group
        self.add_param((self._channels, per_group, *self.window.kernel), param.weight_filler)
        if param.bias_term:
            self.add_param((self._outputs,), param.bias_filler)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape, axis = bottom[0].shape, self._axis
        check_bottoms(bottom, axis, len(self.window.kernel), self._channels)
        size = shape[axis + 1 :]
        out = ops.enlarged(size, self.window)
        for i, length in enumerate(out):
            if size[i] < 1:
                raise ShapeError(f"bottom[0] has shape {shape}, expected no empty spatial axis")
            if length < 1:
                raise ShapeError(
                    f"pad is {self.window.pad[i]} along axis {axis + 1 + i}, expected it to leave "
                    f"something of the {length + 2 * self.window.pad[i]} elements of the top: it "
                    "is cut off on both sides"
                )
        for blob in top:
            blob.reshape((*shape[:axis], self._outputs, *out))
        batch = prod(shape[:axis])
        self.x_shape = (batch, self._channels, *size)
        self.y_shape = (batch, self._outputs, *out)

    def multiply_adds(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> int:
        batch, _, *size = self.x_shape
        return len(top) * batch * prod(size) * self.blobs[0].count
