"""SoftmaxWithLoss: the cross-entropy between scores and the classes they should pick."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from minicaffe.blob import Blob
from minicaffe.layers import _loss
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.softmax import softmax_grad, softmax_loss, softmax_loss_grad


@register_layer("SoftmaxWithLoss")
class SoftmaxWithLoss(Layer):
    """``loss = -sum(log(max(softmax(x)[label], 2 ** -126))) / divisor``, over all positions.

    A position is an index of all axes but that of the classes; those whose label is
    ``ignore_label`` do not count. The divisor is at least 1: the number of positions that
    count (VALID), of all positions (FULL), of items (BATCH_SIZE), or 1 (NONE).

    Shapes, around the axis of the classes:
        bottom[0]  x      (outer..., classes, inner...), scores before any softmax
        bottom[1]  label  (outer..., inner...), or as many in another shape; truncated toward 0
        top[0]     loss   ()
        top[1]     prob   as x: the softmax; may be left out
    Definition: ``softmax_param``, ``loss_param``. ``axis`` may be negative; ``normalize``, the
    old form of ``normalization``, is VALID if true and BATCH_SIZE if false.
    After: src/caffe/layers/softmax_loss_layer.cpp, but for three cases: two tops work, where
    Caffe aborts, and a gradient for the second reaches x; a label that is no class is refused,
    where Caffe reads past the array.
    """

    num_bottom = Arity(2, 2)
    num_top = Arity(1, 2)
    auto_top = True
    is_loss = True

    def allow_force_backward(self, index: int) -> bool:
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._mode = _loss.read_normalization(self.param)
        self._ignore = _loss.read_ignore(self.param.loss_param)
        _loss.refuse_label_gradient(self.param.propagate_down)
        self._own_prob = Blob(self.device, dtype=self.dtype)
        self._total = self.xp.zeros(2, np.float64)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._shape = _loss.positions(bottom[0], bottom[1], self.param.softmax_param.axis)
        top[0].reshape(())
        self._prob(top).reshape(bottom[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        outer, _, inner = shape = self._shape
        scores = bottom[0].data.reshape(shape)
        prob = self._prob(top).data.reshape(shape)
        labels = bottom[1].data.reshape(outer, inner)
        bad = softmax_loss(self.xp, scores, labels, self._ignore, prob, self._total)
        self.check(bad, labels, partial(_loss.refuse_label, shape, self._ignore))
        self._divisor = _loss.divisor(self._mode, outer, inner, self._total[1], self.xp)
        top[0].data[...] = self._total[0] / self._divisor

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        _loss.refuse_label_gradient(propagate_down)
        if not propagate_down[0]:
            return
        outer, _, inner = shape = self._shape
        prob = self._prob(top).data.reshape(shape)
        labels = bottom[1].data.reshape(outer, inner)
        dx = bottom[0].diff.reshape(shape)
        factor = top[0].diff / self._divisor
        softmax_loss_grad(self.xp, prob, labels, self._ignore, factor, dx)
        if len(top) == 2 and top[1].has_diff:
            self._own_prob.reshape(shape)  # not in use for prob: room for the second gradient
            through_prob = self._own_prob.data
            softmax_grad(self.xp, prob, top[1].diff.reshape(shape), through_prob)
            dx += through_prob

    def _prob(self, top: Sequence[Blob]) -> Blob:
        return top[1] if len(top) == 2 else self._own_prob
