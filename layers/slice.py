"""Slice: cut a blob into several, along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import parts as ops


@register_layer("Slice")
class Slice(Layer):
    """``(y_0, y_1, ...) = x`` along an axis: what Concat joins.

    Shapes, the same but for the axis:
        bottom[0]  x    (..., d_0 + d_1 + ..., ...)
        top[i]     y_i  (..., d_i, ...); one alone shares the data and the diff of x
    Definition: ``slice_param``. ``axis`` may be negative; ``slice_dim`` is its old form. y_i ends
    before the i-th ``slice_point``; without any all are of one size.
    After: src/caffe/layers/slice_layer.cpp.
    """

    num_top = Arity(1, None)
    backward_reads = ()

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.slice_param
        if param.HasField("axis") and param.HasField("slice_dim"):
            raise LayerConfigError("axis and slice_dim are given, expected one: both say the same")
        points = list(param.slice_point)
        if len(points) not in (0, len(top) - 1):
            raise LayerConfigError(
                f"slice_point is given {len(points)} time(s), expected none, or one between two "
                f"tops ({len(top) - 1})"
            )
        if any(after <= before for before, after in pairwise([0, *points])):
            raise LayerConfigError(f"slice_point is {points}, expected rising numbers above 0")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param, shape = self.param.slice_param, bottom[0].shape
        given = param.slice_dim if param.HasField("slice_dim") else param.axis
        self._axis = axis = bottom[0].canonical_axis(given)
        length, points = shape[axis], list(param.slice_point)
        if not points and length % len(top):
            raise ShapeError(
                f"bottom[0] has shape {shape}, expected a multiple of {len(top)}, the number of "
                f"tops, at axis {axis}; or give slice_point"
            )
        if points and points[-1] > length:
            raise ShapeError(
                f"bottom[0] has shape {shape}, expected at least {points[-1]}, the last "
                f"slice_point, at axis {axis}"
            )
        size = length // len(top)
        self._bounds = [0, *(points or [size * i for i in range(1, len(top))]), length]
        for blob, (start, stop) in zip(top, pairwise(self._bounds), strict=True):
            blob.reshape((*shape[:axis], stop - start, *shape[axis + 1 :]))
        self._rows = prod(shape[:axis])
        self._lengths = [prod(blob.shape[axis:]) for blob in top]
        if len(top) == 1:
            top[0].share_data(bottom[0])
            top[0].share_diff(bottom[0])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if len(top) > 1:
            parts = [self._rows_of(blob.data, i) for i, blob in enumerate(top)]
            ops.cut(self.xp, self._whole(bottom[0].data), self._lengths, parts)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if len(top) > 1 and propagate_down[0]:
            parts = [self._rows_of(blob.diff, i) for i, blob in enumerate(top)]
            ops.join(self.xp, parts, self._lengths, self._whole(bottom[0].diff))

    def _rows_of(self, array: Array, index: int) -> Array:
        return array.reshape(self._rows, self._lengths[index])

    def _whole(self, array: Array) -> Array:
        return array.reshape(self._rows, sum(self._lengths))
