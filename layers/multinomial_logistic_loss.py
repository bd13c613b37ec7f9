"""MultinomialLogisticLoss: the cross-entropy between probabilities and the right classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.blob import Blob
from minicaffe.layers import _loss
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer

LEAST = 1e-20  # probability that is taken for any below: the most a label can lose is 46.05


@register_layer("MultinomialLogisticLoss")
class MultinomialLogisticLoss(Layer):
    """``loss = -sum(log(max(p[label], 1e-20))) / N``, over N items.

    For scores that are no probabilities yet, SoftmaxWithLoss is faster and its gradient stable.
    All axes of p after the first count as classes.

    Shapes:
        bottom[0]  p      (N, classes...), probabilities; they are not checked to be such
        bottom[1]  label  (N,), or N in another shape; truncated toward 0
        top[0]     loss   ()
    Definition: none of its own; ``loss_param`` is ignored.
    After: src/caffe/layers/multinomial_logistic_loss_layer.cpp, but for two cases: a label that is
    no class is refused, where Caffe reads past the array; no items lose 0, where Caffe's loss is
    NaN.
    """

    num_bottom = Arity(2, 2)
    auto_top = True
    is_loss = True

    def allow_force_backward(self, index: int) -> bool:
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        _loss.refuse_label_gradient(self.param.propagate_down)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._shape = _loss.rows(bottom[0], bottom[1])
        self._rows = self.xp.arange(self._shape[0])
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._index = _loss.class_indices(self, bottom[1], self._shape)
        p = bottom[0].data.reshape(self._shape[:2])
        self._picked = self.xp.maximum(p[self._rows, self._index], LEAST)
        total = self.xp.log(self._picked).sum(dtype=np.float64)
        top[0].data[...] = -total / max(1, self._shape[0])

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        _loss.refuse_label_gradient(propagate_down)
        if not propagate_down[0]:
            return
        factor = top[0].diff / max(1, self._shape[0])
        dx = bottom[0].diff.reshape(self._shape[:2])
        dx[...] = 0
        dx[self._rows, self._index] = -factor / self._picked
