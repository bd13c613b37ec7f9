"""Eltwise: the sum, product or maximum of blobs of one shape."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import eltwise as ops
from minicaffe.proto.minicaffe_pb2 import EltwiseParameter


@register_layer("Eltwise")
class Eltwise(Layer):
    """``y = sum_i coeff_i x_i`` (SUM), ``prod_i x_i`` (PROD) or ``max_i x_i`` (MAX).

    Where several are the largest, the gradient of MAX goes to x_1 before x_0, and to x_0 before
    x_2 and what follows.

    Shapes:
        bottom[i]  x_i  any; all the same, nothing is broadcast
        top[0]     y    as x_0; no bottom itself: not even a sum's gradient for what was
                        computed before would be right
    Definition: ``eltwise_param``. ``coeff`` is for SUM, one for each bottom, or none for ones.
    ``stable_prod_grad: false`` computes the gradient of PROD as y / x_i, faster from three
    bottoms on, and NaN where x_i is 0.
    After: src/caffe/layers/eltwise_layer.cpp: the ``coeff`` of a MAX is ignored, of a PROD refused.
    """

    num_bottom = Arity(2, None)

    @property
    def backward_reads(self) -> Collection[str]:  # type: ignore[override]  # depends on the fields
        return () if self.is_sum else ("bottom", "top")

    @property
    def is_sum(self) -> bool:
        """SUM; ``weights`` are then the factors."""
        return self._operation == EltwiseParameter.SUM

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.eltwise_param
        self._operation = param.operation
        if param.coeff and param.operation == EltwiseParameter.PROD:
            raise LayerConfigError(
                "coeff is given with operation PROD, expected it unset: only SUM has factors"
            )
        if len(param.coeff) not in (0, len(bottom)):
            raise LayerConfigError(
                f"coeff is given {len(param.coeff)} time(s), expected none, or one a bottom "
                f"({len(bottom)})"
            )
        self.weights = list(param.coeff) or [1.0] * len(bottom)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        for index, blob in enumerate(bottom):
            if blob.shape != shape:
                raise ShapeError(
                    f"bottom[{index}] has shape {blob.shape}, expected {shape} as bottom[0]: "
                    "nothing is broadcast"
                )
        top[0].reshape(shape)
        if self._operation == EltwiseParameter.MAX:
            self._index = self.xp.zeros(shape, self.xp.int32)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        xs, y = [blob.data for blob in bottom], top[0].data
        if self._operation == EltwiseParameter.SUM:
            ops.weighted_sum(self.xp, xs, self.weights, y)
        elif self._operation == EltwiseParameter.PROD:
            ops.product(self.xp, xs, y)
        else:
            ops.maximum(self.xp, xs, y, self._index)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        dy = top[0].diff
        for i, (blob, wanted) in enumerate(zip(bottom, propagate_down, strict=True)):
            if not wanted:
                continue
            if self._operation == EltwiseParameter.SUM:
                ops.weighted_sum(self.xp, [dy], [self.weights[i]], blob.diff)
            elif self._operation == EltwiseParameter.MAX:
                ops.maximum_grad(self.xp, self._index, i, dy, blob.diff)
            elif self.param.eltwise_param.stable_prod_grad:
                others = [other.data for other in bottom if other is not blob]
                ops.product(self.xp, [*others, dy], blob.diff)
            else:
                ops.ratio_product(self.xp, top[0].data, blob.data, dy, blob.diff)
