"""Maxout: the largest of some channels that follow each other."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import maxout as ops


@register_layer("Maxout")
class Maxout(Layer):
    """``y[:, c] = max over j < k of x[:, c k + j]``.

    Behind an InnerProduct or a Convolution each y is the largest of k linear functions, which is
    any convex function with so many pieces. The gradient goes to the first of the largest.

    Shapes, with C the axis a:
        bottom[0]  x  (\\*any, C, \\*more), C a multiple of k
        top[0]     y  (\\*any, C / k, \\*more)
    Definition: ``maxout_param``; k is ``pieces``, a is ``axis``, which may be negative.
    After: I. Goodfellow, D. Warde-Farley, M. Mirza, A. Courville, Y. Bengio, "Maxout networks",
    2013.
    """

    origin = "paper"
    backward_reads = ()

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._pieces = self.param.maxout_param.pieces
        if self._pieces < 1:
            raise LayerConfigError("pieces is 0, expected at least 1")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape, axis = bottom[0].shape, self.param.maxout_param.axis
        if not -len(shape) <= axis < len(shape):
            raise ShapeError(
                f"axis is {axis}, expected {-len(shape)}..{len(shape) - 1}: bottom[0] has shape "
                f"{shape}"
            )
        axis %= len(shape)
        before, channels, behind = shape[:axis], shape[axis], shape[axis + 1 :]
        if channels % self._pieces:
            raise ShapeError(
                f"bottom[0] has {channels} channels, expected a multiple of pieces, {self._pieces}"
            )
        self._rows = prod(before) * (channels // self._pieces), prod(behind)
        self._index = self.xp.zeros(self._rows, self.xp.int32)
        top[0].reshape((*before, channels // self._pieces, *behind))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = bottom[0].data.reshape(self._all()), top[0].data.reshape(self._rows)
        ops.maxout(self.xp, x, y, self._index)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            dy, dx = top[0].diff.reshape(self._rows), bottom[0].diff.reshape(self._all())
            ops.maxout_grad(self.xp, dy, self._index, dx)

    def _all(self) -> tuple[int, int, int]:
        rows, size = self._rows
        return rows, self._pieces, size
