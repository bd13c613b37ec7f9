"""LCCL: a convolution times what a cheap one lets through."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError
from minicaffe.layers._weights import num_output, wanted_diff, warn_of_zeros
from minicaffe.layers._window import check_bottoms, check_group, read_window, window_positions
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import convolution as ops
from minicaffe.ops.convolution import Window
from minicaffe.ops.products import products


@register_layer("LCCL")
class LCCL(Layer):
    """``y = (w * x + bias) max(0, v * x + gate)``, where * is as in Convolution.

    v is as cheap as its kernel is small. Where it lets nothing through y is 0, whatever the first
    product would be, so that a program made for it may leave those sums out;
    ``skipped_multiply_adds`` says how many they were.

    Shapes, with out and C as in Convolution:
        bottom[0]  x  (\\*N, C, \\*size)
        top[0]     y  (\\*N, num_output, \\*out)
    Blobs, without the biases where ``bias_term: false``:
        w     (num_output, C / group, \\*kernel)
        bias  (num_output,)
        v     (num_output, C / group, k, ...)
        gate  (num_output,)
    Definition: ``convolution_param`` for w, and ``lccl_param`` for v: k is its ``kernel_size``, 1
    by default. The two kernels have their middles at the same place, and the same ``stride`` and
    ``group``. Where v has no ``weight_filler`` it takes that of w, since zeros would never learn.
    After: X. Dong, J. Huang, Y. Yang, S. Yan, "More is less: a more complicated network with less
    inference complexity", 2017. Differs: has no BatchNorm between v and the maximum, and computes
    what it might leave out.
    """

    origin = "paper"
    backward_reads = ("bottom",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param, cheap = self.param.convolution_param, self.param.lccl_param
        self._axis = bottom[0].canonical_axis(param.axis)
        self._channels = bottom[0].shape[self._axis]
        self._outputs = num_output(param)
        self._window = read_window(param, bottom[0].ndim - self._axis - 1)
        self._gate_window = _in_the_middle(self._window, cheap.kernel_size)
        self._products = products(self.device, param.engine)
        check_group(param.group, self._channels, self._outputs)
        warn_of_zeros(self, param, "conv_layer.cpp:1")
        filler = cheap if cheap.HasField("weight_filler") else param
        for window, weights, biases in (
            (self._window, param, param),
            (self._gate_window, filler, cheap),
        ):
            shape = self._outputs, self._channels // param.group, *window.kernel
            self.add_param(shape, weights.weight_filler)
            if param.bias_term:
                self.add_param((self._outputs,), biases.bias_filler)
        self._second = 1 + param.bias_term  # the index of v

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        check_bottoms(bottom, self._axis, len(self._window.kernel), self._channels)
        shape = bottom[0].shape
        out = window_positions(self._window, shape, self._axis)
        top[0].reshape((*shape[: self._axis], self._outputs, *out))
        batch = prod(shape[: self._axis])
        self._x_shape = batch, self._channels, *shape[self._axis + 1 :]
        self._y_shape = batch, self._outputs, *out
        self._main, self._gate, self._dy = (
            self.device.zeros(self._y_shape, self.dtype) for _ in range(3)
        )

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = bottom[0].data.reshape(self._x_shape), top[0].data.reshape(self._y_shape)
        with self._products:
            ops.convolution(self.xp, x, *self._weights(0), self._main, self._window)
            gate = self._gate, self._gate_window
            ops.convolution(self.xp, x, *self._weights(self._second), *gate, True)
        self.xp.multiply(self._main, self._gate, out=y)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        x, dy = bottom[0].data.reshape(self._x_shape), top[0].diff.reshape(self._y_shape)
        dx = bottom[0].diff.reshape(self._x_shape) if propagate_down[0] else None
        more = None if dx is None else self.xp.empty_like(dx)
        with self._products:
            self.xp.multiply(dy, self._gate, out=self._dy)
            self._grad(x, 0, dx, self._window)
            self.xp.multiply(dy, self._main, out=self._dy)
            self._dy *= self._gate > 0
            self._grad(x, self._second, more, self._gate_window)
        if dx is not None:
            dx += more

    def _weights(self, index: int) -> tuple[Array, Array | None]:
        bias = self.blobs[index + 1].data if self._second == 2 else None
        return self.blobs[index].data, bias

    def _grad(self, x: Array, index: int, dx: Array | None, window: Window) -> None:
        dw = wanted_diff(self, index)
        dbias = wanted_diff(self, index + 1) if self._second == 2 else None
        w = self.blobs[index].data
        ops.convolution_grad(self.xp, x, w, self._dy, dx, dw, dbias, window)

    def multiply_adds(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> int:
        batch, _, *out = self._y_shape
        weights = self.blobs[0].count + self.blobs[self._second].count
        return batch * prod(out) * weights

    def skipped_multiply_adds(self) -> int:
        """How many of the ``multiply_adds`` of the last forward were for a product with 0.

        On a GPU it waits for the result.
        """
        zeros = int((self._gate == 0).sum())
        return zeros * self.blobs[0].count // self._outputs


def _in_the_middle(window: Window, kernel: int) -> Window:
    """The window of a ``kernel`` whose middle is where that of ``window`` is.

    Raises:
        LayerConfigError: there is none, or it would not reach the edge of the pad.
    """
    if kernel < 1:
        raise LayerConfigError("kernel_size of lccl_param is 0, expected at least 1")
    pads = []
    for extent, pad in zip(window.extent, window.pad, strict=True):
        half, rest = divmod(extent - kernel, 2)
        if rest or half > pad:
            raise LayerConfigError(
                f"kernel_size of lccl_param is {kernel}, expected {extent} less an even number "
                f"that is at most twice the pad, {pad}: the other kernel spans {extent}, and "
                "their middles have to be at the same place"
            )
        pads.append(pad - half)
    axes = len(pads)
    return Window((kernel,) * axes, window.stride, tuple(pads), (1,) * axes)
