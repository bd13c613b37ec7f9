"""Bias: add a broadcast blob."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.layers._broadcast import around, learned_shape
from minicaffe.layers._weights import wanted_diff
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import scale as ops


@register_layer("Bias")
class Bias(Layer):
    """``y = x + b``, with b broadcast along k axes of x, from axis a on.

    Shapes:
        bottom[0]  x  (d_0, ..., d_n)
        bottom[1]  b  (d_a, ..., d_{a+k-1}), or () for a scalar; leave it out to learn b
        top[0]     y  as x; may be x itself
    Blobs:
        b  (d_a, ..., d_{a+k-1})  ``filler``, 0 if unset; where there is no bottom[1]
    Definition: ``bias_param``. a is ``axis``, which may be negative; k is ``num_axes``, -1 to
    reach the last axis, and is not read where there is a bottom[1].
    After: src/caffe/layers/bias_layer.cpp.
    """

    num_bottom = Arity(1, 2)
    works_in_place = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.bias_param
        if len(bottom) == 1:
            self.add_param(learned_shape(bottom[0], param), param.filler)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        b = bottom[1] if len(bottom) == 2 else self.blobs[0]
        self._shape = around(bottom[0], b, self.param.bias_param.axis)
        top[0].reshape(bottom[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = bottom[0].data.reshape(self._shape), top[0].data.reshape(self._shape)
        b = bottom[1] if len(bottom) == 2 else self.blobs[0]
        ops.scale(self.xp, x, None, b.data.reshape(-1), y, None)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        db = wanted_diff(self, 0) if len(bottom) == 1 else None
        if len(bottom) == 2 and propagate_down[1]:
            db = bottom[1].diff
            db[...] = 0
        moves = propagate_down[0] and top[0] is not bottom[0]
        ops.scale_grad(
            self.xp,
            None,
            None,
            top[0].diff.reshape(self._shape),
            bottom[0].diff.reshape(self._shape) if moves else None,
            None,
            None if db is None else db.reshape(-1),
        )
