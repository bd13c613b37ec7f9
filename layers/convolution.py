"""Convolution: a bank of filters that moves over the spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers._spatial import axis_values
from minicaffe.layers._weights import num_output, wanted_diff, warn_of_zeros
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import convolution as ops


@register_layer("Convolution")
class Convolution(Layer):
    """``y[o] = bias[o] + sum over c of w[o, c] * x[c]``, where * slides w over x without flipping.

    Shapes, with ``out = floor((size + 2 pad - (dilation (kernel - 1) + 1)) / stride) + 1``
    along each of any number of spatial axes; C is the axis named ``axis``:
        bottom[i]  x  (\\*N, C, \\*size); all alike
        top[i]     y  (\\*N, num_output, \\*out)
    Blobs, which all bottoms share:
        [0]  w     (num_output, C / group, \\*kernel)
        [1]  bias  (num_output,), unless ``bias_term: false``
    Definition: ``convolution_param``. ``engine`` and ``force_nd_im2col`` choose between
    implementations of the original and change nothing here.
    After: src/caffe/layers/base_conv_layer.cpp and src/caffe/layers/conv_layer.cpp; LeCun, Boser,
    Denker, Henderson, Howard, Hubbard and Jackel, "Backpropagation Applied to Handwritten Zip
    Code Recognition", 1989. Differs: ``engine: CUDNN`` is accepted where there is no cuDNN, since
    the numbers are the same; a kernel larger than its input is named, not a negative shape;
    a missing ``weight_filler`` starts from zeros as there, but with a warning.

    Attributes:
        window: kernel, stride, pad and dilation along each spatial axis.
    """

    num_bottom = Arity(1, None)
    num_top = Arity(1, None)
    equal_tops = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.convolution_param
        self._axis = bottom[0].canonical_axis(param.axis)
        self._channels = bottom[0].shape[self._axis]
        self._outputs = num_output(param)
        axes = bottom[0].ndim - self._axis - 1
        self.window = ops.Window(
            axis_values(param, "kernel_size", axes, default=None, least=1, pair="kernel"),
            axis_values(param, "stride", axes, default=1, least=1, pair="stride"),
            axis_values(param, "pad", axes, default=0, least=0, pair="pad"),
            axis_values(param, "dilation", axes, default=1, least=1),
        )
        if param.group < 1:
            raise LayerConfigError("group is 0, expected at least 1")
        for name, count in (("channels", self._channels), ("num_output", self._outputs)):
            if count % param.group:
                raise LayerConfigError(
                    f"group is {param.group}, expected a divisor of {name}: {count}"
                )
        warn_of_zeros(self, param, "conv_layer.cpp:1")
        per_group = self._channels // param.group
        self.add_param((self._outputs, per_group, *self.window.kernel), param.weight_filler)
        if param.bias_term:
            self.add_param((self._outputs,), param.bias_filler)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        axes = len(self.window.kernel)
        if len(shape) != self._axis + 1 + axes or shape[self._axis] != self._channels:
            raise ShapeError(
                f"bottom[0] has shape {shape}, expected {self._axis + 1 + axes} axes with "
                f"{self._channels} channels at axis {self._axis}: the weights are made for them"
            )
        for index, blob in enumerate(bottom):
            if blob.shape != shape:
                raise ShapeError(
                    f"bottom[{index}] has shape {blob.shape}, expected {shape} as bottom[0]: "
                    "they share the weights"
                )
        size = shape[self._axis + 1 :]
        out = self.window.out(size)
        for i, extent in enumerate(self.window.extent):
            padded = size[i] + 2 * self.window.pad[i]
            if out[i] < 1:
                raise ShapeError(
                    f"the kernel spans {extent} along axis {self._axis + 1 + i} (kernel_size "
                    f"{self.window.kernel[i]}, dilation {self.window.dilation[i]}), expected at "
                    f"most {padded}: the size {size[i]} of bottom[0] {shape} and pad "
                    f"{self.window.pad[i]} on both sides"
                )
        for blob in top:
            blob.reshape((*shape[: self._axis], self._outputs, *out))
        batch = prod(shape[: self._axis])
        self._x_shape = (batch, self._channels, *size)
        self._y_shape = (batch, self._outputs, *out)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        w = self.blobs[0].data
        bias = self.blobs[1].data if len(self.blobs) > 1 else None
        for below, above in zip(bottom, top, strict=True):
            x, y = below.data.reshape(self._x_shape), above.data.reshape(self._y_shape)
            ops.convolution(self.xp, x, w, bias, y, self.window)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        dw, dbias = wanted_diff(self, 0), wanted_diff(self, 1)
        for below, above, down in zip(bottom, top, propagate_down, strict=True):
            ops.convolution_grad(
                self.xp,
                below.data.reshape(self._x_shape),
                self.blobs[0].data,
                above.diff.reshape(self._y_shape),
                below.diff.reshape(self._x_shape) if down else None,
                dw,
                dbias,
                self.window,
            )
