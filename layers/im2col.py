"""Im2col: lay out what a convolution's window holds at each of its positions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.layers._window import check_bottoms, read_window, window_positions
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer


@register_layer("Im2col")
class Im2col(Layer):
    """``y[c * taps + t, p] = x[c, p * stride - pad + t * dilation]``, 0 outside x.

    t counts the elements of the kernel row by row, taps of them; p is a position of the window.

    Shapes, with ``out = floor((size + 2 pad - (dilation (kernel - 1) + 1)) / stride) + 1`` along
    each of any number of spatial axes; C is the axis named ``axis``:
        bottom[0]  x  (\\*N, C, \\*size)
        top[0]     y  (\\*N, C * taps, \\*out)
    Definition: ``convolution_param``: ``axis``, ``kernel_size``, ``stride``, ``pad`` and
    ``dilation``; what else it has is read over.
    After: src/caffe/layers/im2col_layer.cpp.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.convolution_param
        self._axis = bottom[0].canonical_axis(param.axis)
        self._channels = bottom[0].shape[self._axis]
        self._window = read_window(param, bottom[0].ndim - self._axis - 1)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape, axis, window = bottom[0].shape, self._axis, self._window
        check_bottoms(bottom, axis, len(window.kernel), self._channels)
        out = window_positions(window, shape, axis)
        taps = prod(window.kernel)
        top[0].reshape((*shape[:axis], shape[axis] * taps, *out))
        images = prod(shape[: axis + 1])
        self._x_shape, self._y_shape = (images, *shape[axis + 1 :]), (images, taps, *out)
        sizes = zip(shape[axis + 1 :], window.pad, strict=True)
        self._padded = self.device.zeros((images, *(n + 2 * pad for n, pad in sizes)), self.dtype)
        sizes = zip(shape[axis + 1 :], window.pad, strict=True)
        self._inside = slice(None), *(slice(pad, pad + n) for n, pad in sizes)
        self._taps = list(window.taps(out))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._padded[...] = 0  # backward has used it
        self._padded[self._inside] = bottom[0].data.reshape(self._x_shape)
        y = top[0].data.reshape(self._y_shape)
        for index, tap in enumerate(self._taps):
            y[:, index] = self._padded[tap]

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if not propagate_down[0]:
            return
        self._padded[...] = 0
        dy = top[0].diff.reshape(self._y_shape)
        for index, tap in enumerate(self._taps):
            self._padded[tap] += dy[:, index]
        bottom[0].diff.reshape(self._x_shape)[...] = self._padded[self._inside]
