"""Concat: put blobs behind each other along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import parts as ops


@register_layer("Concat")
class Concat(Layer):
    """``y = (x_0, x_1, ...)`` along an axis.

    Shapes, the same but for the axis:
        bottom[i]  x_i  (..., d_i, ...)
        top[0]     y    (..., d_0 + d_1 + ..., ...); of one bottom alone it shares data and diff
    Definition: ``concat_param``. ``axis`` may be negative; ``concat_dim`` is its old form.
    After: src/caffe/layers/concat_layer.cpp.
    """

    num_bottom = Arity(1, None)
    backward_reads = ()

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.concat_param
        if param.HasField("axis") and param.HasField("concat_dim"):
            raise LayerConfigError("axis and concat_dim are given, expected one: both say the same")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.concat_param
        first = bottom[0].shape
        axis = param.concat_dim if param.HasField("concat_dim") else param.axis
        self._axis = axis = bottom[0].canonical_axis(axis)
        for index, blob in enumerate(bottom):
            shape = blob.shape
            if len(shape) != len(first) or any(
                shape[i] != first[i] for i in range(len(first)) if i != axis
            ):
                raise ShapeError(
                    f"bottom[{index}] has shape {shape}, expected that of bottom[0], {first}, "
                    f"but for axis {axis}, along which they are joined"
                )
        length = sum(blob.shape[axis] for blob in bottom)
        top[0].reshape((*first[:axis], length, *first[axis + 1 :]))
        self._rows = prod(first[:axis])
        self._lengths = [prod(blob.shape[axis:]) for blob in bottom]
        if len(bottom) == 1:
            top[0].share_data(bottom[0])
            top[0].share_diff(bottom[0])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if len(bottom) > 1:
            parts = [self._rows_of(blob.data, i) for i, blob in enumerate(bottom)]
            ops.join(self.xp, parts, self._lengths, self._whole(top[0].data))

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if len(bottom) > 1:
            parts = [
                self._rows_of(blob.diff, i) if propagate_down[i] else None
                for i, blob in enumerate(bottom)
            ]
            ops.cut(self.xp, self._whole(top[0].diff), self._lengths, parts)

    def _rows_of(self, array: Array, index: int) -> Array:
        return array.reshape(self._rows, self._lengths[index])

    def _whole(self, array: Array) -> Array:
        return array.reshape(self._rows, sum(self._lengths))
