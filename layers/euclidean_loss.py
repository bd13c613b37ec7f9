"""EuclideanLoss: half the squared distance between two blobs, for regression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.blob import Blob
from minicaffe.layers import _loss
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.loss import scaled_difference, squared_distance


@register_layer("EuclideanLoss")
class EuclideanLoss(Layer):
    """``loss = sum((x - t) ** 2) / (2 N)``, over all elements of N items.

    Both bottoms may learn. The sum is not divided by the size of an item.

    Shapes:
        bottom[0]  x     (N, ...)
        bottom[1]  t     as x, or as many elements for each of N items in another shape
        top[0]     loss  ()
    Definition: none of its own; ``loss_param`` is ignored.
    After: src/caffe/layers/euclidean_loss_layer.cpp, but no items lose 0, where Caffe's loss is
    NaN.
    """

    num_bottom = Arity(2, 2)
    auto_top = True
    is_loss = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._total = self.xp.zeros(1, np.float64)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._items = max(1, _loss.paired(bottom))
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, t = (blob.data.reshape(-1) for blob in bottom)
        squared_distance(self.xp, x, t, self._total)
        top[0].data[...] = self._total[0] / (2 * self._items)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        factor = top[0].diff / self._items
        for index, wanted in enumerate(propagate_down):
            if wanted:
                here, other = (bottom[i].data.reshape(-1) for i in (index, 1 - index))
                scaled_difference(self.xp, here, other, factor, bottom[index].diff.reshape(-1))
