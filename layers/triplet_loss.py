"""TripletLoss: brings items nearer to one of their kind than to one of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer


@register_layer("TripletLoss")
class TripletLoss(Layer):
    """``loss = sum(max(|a - p| ** 2 - |a - n| ** 2 + margin, 0)) / N``, over N triplets.

    All three bottoms may learn. A triplet that the margin holds for adds 0, and has no gradient.

    Shapes:
        bottom[0]  a     (N, ...), the anchors
        bottom[1]  p     as a, items of the anchors' kinds
        bottom[2]  n     as a, items of other kinds
        top[0]     loss  ()
    Definition: ``triplet_loss_param``; ``loss_param`` is ignored.
    After: F. Schroff, D. Kalenichenko, J. Philbin, "FaceNet: a unified embedding for face
    recognition and clustering", 2015, which sums where this takes the mean. To choose triplets,
    and to bring vectors to length 1 (Normalize), is left to other layers.
    """

    origin = "paper"
    num_bottom = Arity(3, 3)
    auto_top = True
    is_loss = True
    backward_reads = ("bottom",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._margin = self.param.triplet_loss_param.margin
        if not 0 <= self._margin < np.inf:
            raise LayerConfigError(f"margin is {self._margin:g}, expected a number of at least 0")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        if not shape:
            raise ShapeError("bottom[0] has shape (), expected (N, ...): no axis of triplets")
        for index, what in ((1, "one of its kind"), (2, "one of another")):
            if bottom[index].shape != shape:
                raise ShapeError(
                    f"bottom[{index}] has shape {bottom[index].shape}, expected {shape} as "
                    f"bottom[0]: each anchor is compared with {what}"
                )
        self._matrix = shape[0], bottom[0].count // max(1, shape[0])
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        xp = self.xp
        a, p, n = (blob.data.reshape(self._matrix) for blob in bottom)
        near, far = ((d * d).sum(axis=1) for d in (a - p, a - n))
        over = near - far + self._margin
        self._active = ((over > 0) | (over != over))[:, None]
        total = xp.maximum(over, 0).sum(dtype=np.float64)
        top[0].data[...] = total / max(1, self._matrix[0])

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        a, p, n = (blob.data.reshape(self._matrix) for blob in bottom)
        factor = self._active * (2 * top[0].diff / max(1, self._matrix[0]))
        pairs = (n, p), (p, a), (a, n)
        for blob, (first, second), wanted in zip(bottom, pairs, propagate_down, strict=True):
            if wanted:
                self.xp.multiply(first - second, factor, out=blob.diff.reshape(self._matrix))
