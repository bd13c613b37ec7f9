"""InnerProduct: every output is a weighted sum of all inputs (a fully connected layer)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import ShapeError
from minicaffe.layers._weights import num_output, wanted_diff, warn_of_zeros
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import inner_product as ops
from minicaffe.ops.products import products


@register_layer("InnerProduct")
class InnerProduct(Layer):
    """``y = w x + bias`` for each vector x that is left when the axes from ``axis`` on are one.

    Shapes, with ``K`` the product of the axes from ``axis`` on:
        bottom[0]  x  (\\*M, \\*K)
        top[0]     y  (\\*M, num_output)
    Blobs:
        [0]  w     (num_output, K), or (K, num_output) if ``transpose``
        [1]  bias  (num_output,), unless ``bias_term: false``
    Definition: ``inner_product_param``.
    After: src/caffe/layers/inner_product_layer.cpp. Differs: a missing ``weight_filler`` starts
    from zeros as there, but with a warning.

    Attributes:
        transpose: of the definition.
    """

    backward_reads = ("bottom",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.inner_product_param
        self._outputs = num_output(param)
        self.transpose = bool(param.transpose)
        self._products = products(self.device)
        self._inputs = prod(bottom[0].shape[bottom[0].canonical_axis(param.axis) :])
        shape = (self._outputs, self._inputs)
        warn_of_zeros(self, param, "inner_product_layer.cpp:1")
        self.add_param(shape[::-1] if self.transpose else shape, param.weight_filler)
        if param.bias_term:
            self.add_param((self._outputs,), param.bias_filler)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        axis = bottom[0].canonical_axis(self.param.inner_product_param.axis)
        inputs = prod(shape[axis:])
        if inputs != self._inputs:
            raise ShapeError(
                f"bottom[0] has shape {shape}, so {inputs} inputs from axis {axis} on, "
                f"expected {self._inputs}: the weights are made for them"
            )
        top[0].reshape((*shape[:axis], self._outputs))
        self._matrix = (prod(shape[:axis]), self._inputs)

    def multiply_adds(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> int:
        return self._matrix[0] * self.blobs[0].count

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x = bottom[0].data.reshape(self._matrix)
        y = top[0].data.reshape(self._matrix[0], self._outputs)
        bias = self.blobs[1].data if len(self.blobs) > 1 else None
        with self._products:
            ops.inner_product(self.xp, x, self.blobs[0].data, bias, y, self.transpose)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        with self._products:
            ops.inner_product_grad(
                self.xp,
                bottom[0].data.reshape(self._matrix),
                self.blobs[0].data,
                top[0].diff.reshape(self._matrix[0], self._outputs),
                bottom[0].diff.reshape(self._matrix) if propagate_down[0] else None,
                wanted_diff(self, 0),
                wanted_diff(self, 1),
                self.transpose,
            )

    def add_row_gradients(
        self, top: Sequence[Blob], bottom: Sequence[Blob], rows: slice, dw: Array
    ) -> None:
        """The part of ``backward`` that adds to the diff of some rows of w, which go to ``dw``.

        Not if ``transpose``.
        """
        dy = top[0].diff.reshape(self._matrix[0], self._outputs)[:, rows]
        ops.inner_product_grad(
            self.xp,
            bottom[0].data.reshape(self._matrix),
            self.blobs[0].data[rows],
            self.xp.ascontiguousarray(dy),
            None,
            dw,
            None,
            False,
        )
