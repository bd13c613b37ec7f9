"""L1Loss: the sum of absolute differences between two blobs, for regression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.blob import Blob
from minicaffe.layers import _loss
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer


@register_layer("L1Loss")
class L1Loss(Layer):
    """``loss = sum(|x - t|) / N``, over all elements of N items.

    Both bottoms may learn; where they are equal no gradient passes. The sum is not divided by the
    size of an item.

    Shapes:
        bottom[0]  x     (N, ...)
        bottom[1]  t     as x, or as many elements for each of N items in another shape
        top[0]     loss  ()
    Definition: none of its own; ``loss_param`` is ignored.
    After: EuclideanLoss, with the absolute difference in place of half its square, as the forks
    that have an L1 loss; S. Zhao, O. Gallo, I. Frosio, J. Kautz, "Loss functions for image
    restoration with neural networks", 2017, divides by the number of elements, which here a
    ``loss_weight`` does. FlowNet 2's L1Loss, which has fields of its own, is another layer.
    """

    origin = "paper"
    num_bottom = Arity(2, 2)
    auto_top = True
    is_loss = True
    backward_reads = ("bottom",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._items = max(1, _loss.paired(bottom))
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, t = (blob.data.reshape(-1) for blob in bottom)
        top[0].data[...] = self.xp.abs(x - t).sum(dtype=np.float64) / self._items

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        x, t = (blob.data.reshape(-1) for blob in bottom)
        signs = self.xp.sign(x - t) * (top[0].diff / self._items)
        for blob, sign, wanted in zip(bottom, (1, -1), propagate_down, strict=True):
            if wanted:
                self.xp.multiply(signs, sign, out=blob.diff.reshape(-1))
