"""Gram: how much channels go together, wherever in the image: its style."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import ShapeError
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.cublas import matmul


@register_layer("Gram")
class Gram(Layer):
    """``y[n, a, b] = sum(x[n, a] * x[n, b]) / (C P)``, over the P positions of each of C channels.

    ``normalize: false`` leaves the division out.

    Shapes:
        bottom[0]  x  (N, C, \\*any)
        top[0]     y  (N, C, C)
    Definition: ``gram_param``.
    After: L. A. Gatys, A. S. Ecker, M. Bethge, "Image style transfer using convolutional neural
    networks", 2016, whose matrices are not divided; its loss of them is.
    """

    origin = "paper"
    backward_reads = ("bottom",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        if len(shape) < 2:
            raise ShapeError(f"bottom[0] has shape {shape}, expected (N, C, ...)")
        self._matrix = shape[0], shape[1], prod(shape[2:])
        normalize = self.param.gram_param.normalize
        self._scale = 1 / max(1, prod(shape[1:])) if normalize else 1.0
        top[0].reshape((shape[0], shape[1], shape[1]))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = bottom[0].data.reshape(self._matrix), top[0].data
        matmul(self.xp, x, x.transpose(0, 2, 1), out=y)
        y *= self._scale

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            x, dx = (a.reshape(self._matrix) for a in (bottom[0].data, bottom[0].diff))
            dy = top[0].diff
            matmul(self.xp, (dy + dy.transpose(0, 2, 1)) * self._scale, x, out=dx)
