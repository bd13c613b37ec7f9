"""SigmoidCrossEntropyLoss: the cross-entropy of many yes-or-no questions, each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from minicaffe.blob import Blob
from minicaffe.layers import _loss
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.loss import sigmoid_cross_entropy, sigmoid_cross_entropy_grad
from minicaffe.proto.minicaffe_pb2 import LossParameter


@register_layer("SigmoidCrossEntropyLoss")
class SigmoidCrossEntropyLoss(Layer):
    """``loss = -sum(t log(p) + (1 - t) log(1 - p)) / divisor``, p = 1 / (1 + exp(-x)).

    It is computed as ``sum(x ((x > 0) - t) + log(1 + exp(-|x|)))``, which is finite for every
    finite x. Elements whose target is ``ignore_label``, after truncation toward 0, do not count:
    with ``ignore_label: 0`` that is every target between -1 and 1. The divisor is at least 1: the
    number of items (BATCH_SIZE, the default here), of elements that count (VALID), of all (FULL),
    or 1 (NONE).

    Shapes:
        bottom[0]  x     (N, ...), scores before any sigmoid
        bottom[1]  t     as x, or as many elements for each of N items in another shape;
                         probabilities that the answer is yes, not truncated
        top[0]     loss  ()
    Definition: ``loss_param``; ``normalize``, the old form of ``normalization``, is VALID if true
    and BATCH_SIZE if false.
    After: src/caffe/layers/sigmoid_cross_entropy_loss_layer.cpp, but a target that is NaN or
    infinite is refused. Targets outside 0..1 give what the formula gives, as there.
    """

    num_bottom = Arity(2, 2)
    auto_top = True
    is_loss = True

    def allow_force_backward(self, index: int) -> bool:
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._mode = _loss.read_normalization(self.param, LossParameter.BATCH_SIZE)
        self._ignore = _loss.read_ignore(self.param.loss_param)
        _loss.refuse_label_gradient(self.param.propagate_down, what="targets")
        self._total = self.xp.zeros(2, np.float64)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._items = _loss.paired(bottom)
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, t = (blob.data.reshape(-1) for blob in bottom)
        bad = sigmoid_cross_entropy(self.xp, x, t, self._ignore, self._total)
        self.check(bad, t, partial(_loss.refuse_value, bottom[1].shape, 1))
        inner = x.size // max(1, self._items)
        self._divisor = _loss.divisor(self._mode, self._items, inner, self._total[1], self.xp)
        top[0].data[...] = self._total[0] / self._divisor

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        _loss.refuse_label_gradient(propagate_down, what="targets")
        if propagate_down[0]:
            x, t = (blob.data.reshape(-1) for blob in bottom)
            factor, dx = top[0].diff / self._divisor, bottom[0].diff.reshape(-1)
            sigmoid_cross_entropy_grad(self.xp, x, t, self._ignore, factor, dx)
