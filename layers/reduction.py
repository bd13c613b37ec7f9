"""Reduction: one number from the last axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan, prod

from minicaffe.blob import Blob
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import reduction as ops
from minicaffe.proto.minicaffe_pb2 import ReductionParameter

_KINDS = {
    ReductionParameter.SUM: ops.SUM,
    ReductionParameter.ASUM: ops.ASUM,
    ReductionParameter.SUMSQ: ops.SUMSQ,
    ReductionParameter.MEAN: ops.SUM,
}


@register_layer("Reduction")
class Reduction(Layer):
    """``y = coeff * sum(x)`` (SUM), ``sum(|x|)`` (ASUM), ``sum(x^2)`` (SUMSQ) or their mean (MEAN),
    over all axes from a on.

    The gradient of ``|x|`` at 0 is 0. With a ``loss_weight`` the layer is a loss.

    Shapes:
        bottom[0]  x  (d_0, ..., d_n)
        top[0]     y  (d_0, ..., d_{a-1}); () where a is 0
    Definition: ``reduction_param``. a is ``axis``, which may be negative.
    After: src/caffe/layers/reduction_layer.cpp.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._kind = _KINDS[self.param.reduction_param.operation]

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param, shape = self.param.reduction_param, bottom[0].shape
        axis = bottom[0].canonical_axis(param.axis)
        length = prod(shape[axis:])
        top[0].reshape(shape[:axis])
        self._matrix = prod(shape[:axis]), length
        self._coeff = param.coeff
        if param.operation == ReductionParameter.MEAN:
            self._coeff = param.coeff / length if length else nan

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = bottom[0].data.reshape(self._matrix), top[0].data.reshape(-1)
        ops.reduce_rows(self.xp, x, self._kind, self._coeff, y)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            x, dx = bottom[0].data.reshape(self._matrix), bottom[0].diff.reshape(self._matrix)
            dy = top[0].diff.reshape(-1)
            ops.reduce_rows_grad(self.xp, x, self._kind, self._coeff, dy, dx)
