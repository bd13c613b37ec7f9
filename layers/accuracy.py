"""Accuracy: how often the class that is right is among the highest scores."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers import _loss
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.accuracy import top_k_hits


@register_layer("Accuracy")
class Accuracy(Layer):
    """The share of positions where fewer than k other scores reach that of the label.

    Ties count against: where all scores are equal nothing is right. Positions whose label is
    ``ignore_label`` do not count; where none does, the accuracy is 0.

    Shapes, around the axis of the classes:
        bottom[0]  x          (outer..., classes, inner...), scores, of any scale
        bottom[1]  label      (outer..., inner...), or as many in another shape; truncated toward 0
        top[0]     accuracy   ()
        top[1]     per_class  (classes,), of the positions labelled with each; may be left out
    Definition: ``accuracy_param``. k is ``top_k``; ``axis`` may be negative.
    After: src/caffe/layers/accuracy_layer.cpp, but for three cases: a label that is no class is
    refused, where Caffe reads past the array; NaN is never right, where Caffe finds a net all of
    whose scores are NaN to be right throughout; ``force_backward`` goes past this layer, where
    Caffe aborts.
    """

    num_bottom = Arity(2, 2)
    num_top = Arity(1, 2)

    def allow_force_backward(self, index: int) -> bool:
        return False

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._ignore = _loss.read_ignore(self.param.accuracy_param)
        _refuse_gradient(self.param.propagate_down)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.accuracy_param
        self._shape = _loss.positions(bottom[0], bottom[1], param.axis)
        classes = self._shape[1]
        if not 1 <= param.top_k <= classes:
            raise LayerConfigError(
                f"top_k is {param.top_k}, expected 1..{classes}: bottom[0] has {classes} class(es)"
            )
        top[0].reshape(())
        for blob in top[1:]:
            blob.reshape((classes,))
        self._hits = self.xp.zeros(classes, np.float64)
        self._seen = self.xp.zeros(classes, np.float64)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape, hits, seen = self._shape, self._hits, self._seen
        x, labels = bottom[0].data.reshape(shape), bottom[1].data.reshape(shape[0], shape[2])
        top_k = self.param.accuracy_param.top_k
        bad = top_k_hits(self.xp, x, labels, self._ignore, top_k, hits, seen)
        self.check(bad, labels, partial(_loss.refuse_label, shape, self._ignore))
        top[0].data[...] = hits.sum() / self.xp.maximum(seen.sum(), 1)
        for blob in top[1:]:
            blob.data[...] = hits / self.xp.maximum(seen, 1)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        _refuse_gradient(propagate_down)


def _refuse_gradient(propagate_down: Sequence[bool]) -> None:
    for index, wanted in enumerate(propagate_down):
        if wanted:
            raise LayerConfigError(
                f"propagate_down[{index}] is true, expected false: an accuracy has no gradient; "
                "train on a loss, such as SoftmaxWithLoss"
            )
