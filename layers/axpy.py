"""Axpy: a factor for each channel of each item, times x, plus y."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import ShapeError
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import axpy as ops


@register_layer("Axpy")
class Axpy(Layer):
    """``z[n, c] = a[n, c] x[n, c] + y[n, c]``.

    It is Scale and Eltwise SUM in one pass: the end of a block whose branch x is gated by a, and
    whose shortcut is y.

    Shapes:
        bottom[0]  a  (N, C), or with any number of axes of 1 behind
        bottom[1]  x  (N, C, \\*any)
        bottom[2]  y  as x
        top[0]     z  as x
    Definition: no fields.
    After: J. Hu, L. Shen, G. Sun, "Squeeze-and-excitation networks", 2017, and the layer of
    SENet's Caffe. Differs: bottoms may have any number of axes from 2 up.
    """

    origin = "SENet"
    num_bottom = Arity(3, 3)
    backward_reads = ("bottom",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        factors, shape = bottom[0].shape, bottom[1].shape
        if len(shape) < 2:
            raise ShapeError(f"bottom[1] has shape {shape}, expected (N, C, ...)")
        if factors[:2] != shape[:2] or set(factors[2:]) - {1}:
            raise ShapeError(
                f"bottom[0] has shape {factors}, expected {shape[:2]}, or that and axes of 1: a "
                "factor for each channel of each item of bottom[1]"
            )
        if bottom[2].shape != shape:
            raise ShapeError(
                f"bottom[2] has shape {bottom[2].shape}, expected {shape} as bottom[1]"
            )
        self._rows = shape[0] * shape[1], prod(shape[2:])
        top[0].reshape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y, z = (blob.data.reshape(self._rows) for blob in (bottom[1], bottom[2], top[0]))
        ops.axpy(self.xp, bottom[0].data.reshape(-1), x, y, z)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        x, dz = bottom[1].data.reshape(self._rows), top[0].diff.reshape(self._rows)
        if propagate_down[0] or propagate_down[1]:
            ops.axpy_grad(
                self.xp,
                bottom[0].data.reshape(-1),
                x,
                dz,
                bottom[0].diff.reshape(-1) if propagate_down[0] else None,
                bottom[1].diff.reshape(self._rows) if propagate_down[1] else None,
            )
        if propagate_down[2]:
            bottom[2].diff[...] = top[0].diff
