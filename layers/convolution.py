"""Convolution: a bank of filters that moves over the spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.layers._weights import num_output, warn_of_zeros
from minicaffe.layers._window import (
    Filters,
    check_bottoms,
    check_group,
    read_window,
    window_positions,
)
from minicaffe.layers.registry import register_layer
from minicaffe.ops import convolution as ops
from minicaffe.ops.products import products


@register_layer("Convolution")
class Convolution(Filters):
    """``y[o] = bias[o] + sum over c of w[o, c] * x[c]``, where * slides w over x without flipping.

    Shapes, with ``out = floor((size + 2 pad - (dilation (kernel - 1) + 1)) / stride) + 1``
    along each of any number of spatial axes; C is the axis named ``axis``:
        bottom[i]  x  (\\*N, C, \\*size); all alike
        top[i]     y  (\\*N, num_output, \\*out)
    Blobs, which all bottoms share:
        [0]  w     (num_output, C / group, \\*kernel)
        [1]  bias  (num_output,), unless ``bias_term: false``
    Definition: ``convolution_param``. On a GPU ``engine: CAFFE`` is a product with columns, and
    the others are cuDNN where there is one; on the CPU ``engine`` changes nothing, and
    ``force_nd_im2col`` nowhere.
    After: src/caffe/layers/base_conv_layer.cpp and src/caffe/layers/conv_layer.cpp; LeCun, Boser,
    Denker, Henderson, Howard, Hubbard and Jackel, "Backpropagation Applied to Handwritten Zip
    Code Recognition", 1989. Differs: ``engine: CUDNN`` is accepted where there is no cuDNN, since
    the numbers are the same; a kernel larger than its input is named, not a negative shape;
    a missing ``weight_filler`` starts from zeros as there, but with a warning.

    Attributes:
        window: kernel, stride, pad and dilation along each spatial axis.
    """

    apply = ops.convolution
    apply_grad = ops.convolution_grad

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.convolution_param
        self._axis = bottom[0].canonical_axis(param.axis)
        self._channels = bottom[0].shape[self._axis]
        self._outputs = num_output(param)
        axes = bottom[0].ndim - self._axis - 1
        self.window = read_window(param, axes)
        self.products = products(self.device, param.engine)
        check_group(param.group, self._channels, self._outputs)
        warn_of_zeros(self, param, "conv_layer.cpp:1")
        per_group = self._channels // param.group
        self.add_param((self._outputs, per_group, *self.window.kernel), param.weight_filler)
        if param.bias_term:
            self.add_param((self._outputs,), param.bias_filler)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        check_bottoms(bottom, self._axis, len(self.window.kernel), self._channels)
        shape = bottom[0].shape
        out = window_positions(self.window, shape, self._axis)
        for blob in top:
            blob.reshape((*shape[: self._axis], self._outputs, *out))
        batch = prod(shape[: self._axis])
        self.x_shape = (batch, self._channels, *shape[self._axis + 1 :])
        self.y_shape = (batch, self._outputs, *out)

    def forward_as(self, bottom: Blob, top: Blob, w: Array, bias: Array | None, relu: bool) -> None:
        """Forward, for one pair of blobs, with these as weights and bias, and ReLU if wanted."""
        x, y = bottom.data.reshape(self.x_shape), top.data.reshape(self.y_shape)
        with self.products:
            self.apply(self.xp, x, w, bias, y, self.window, relu)

    def bodies(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> dict[str, str]:
        args = self.x_shape, self.blobs[0].shape, self.dtype, self.y_shape, self.window
        if self.device.index is None:
            return ops.planned(*args)
        if self.xp.__name__ != "cupy":  # a stand-in runs the references
            return {}
        from minicaffe.ops import cudnn_problem

        with self.products:
            return cudnn_problem.planned(*args, bias=len(self.blobs) > 1)

    def multiply_adds(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> int:
        batch, _, *out = self.y_shape
        return len(top) * batch * prod(out) * self.blobs[0].count
