"""ContrastiveLoss: brings pairs that are alike together, and holds others a margin apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod

import numpy as np

from minicaffe.blob import Blob
from minicaffe.errors import ShapeError
from minicaffe.layers import _loss
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.bad import first_bad

NEAR = 1e-4  # added to a distance that a gradient is divided by


@register_layer("ContrastiveLoss")
class ContrastiveLoss(Layer):
    """``loss = sum(s d ** 2 + (1 - s) max(margin - d, 0) ** 2) / (2 N)``, d = |a - b|.

    s is 1 for a pair that is alike, 0 for another. ``legacy_version: true`` has
    ``max(margin - d ** 2, 0)`` for those. The gradient divides by d + 1e-4 in place of d.

    Shapes:
        bottom[0]  a        (N, C), with or without axes of size 1 after it
        bottom[1]  b        as a
        bottom[2]  similar  (N,), or N in another shape; truncated toward 0, and s is 0 where
                            that is 0, else 1
        top[0]     loss     ()
    Definition: ``contrastive_loss_param``; ``loss_param`` is ignored.
    After: src/caffe/layers/contrastive_loss_layer.cpp, and R. Hadsell, S. Chopra, Y. LeCun,
    "Dimensionality Reduction by Learning an Invariant Mapping", 2006; but for three cases: N may
    change, where Caffe reads past what it made at set-up; ``similar`` of another length and NaN in
    it are refused, where Caffe reads past the array or takes NaN for 1; no items lose 0, where
    Caffe's loss is NaN.
    """

    num_bottom = Arity(3, 3)
    auto_top = True
    is_loss = True

    def allow_force_backward(self, index: int) -> bool:
        return index != 2

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        _loss.refuse_label_gradient(self.param.propagate_down, 2)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._items = _loss.paired(bottom)
        for index, blob in enumerate(bottom[:2]):
            if prod(blob.shape[2:]) != 1:
                raise ShapeError(
                    f"bottom[{index}] has shape {blob.shape}, expected (N, C): distances are "
                    "between vectors; put a Flatten layer before it"
                )
        if bottom[2].count != self._items:
            raise ShapeError(
                f"bottom[2] has shape {bottom[2].shape}, expected ({self._items},): it says of "
                "each pair whether it is alike"
            )
        self._apart = self.device.zeros((self._items, prod(bottom[0].shape[1:])), self.dtype)
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        xp, apart, margin = self.xp, self._apart, self.param.contrastive_loss_param.margin
        unknown = bottom[2].data != bottom[2].data
        refuse = partial(_loss.refuse_value, bottom[2].shape, 2)
        self.check(first_bad(xp, unknown), bottom[2].data, refuse)
        self._similar = xp.trunc(bottom[2].data.reshape(-1)) != 0
        a, b = (blob.data.reshape(apart.shape) for blob in bottom[:2])
        xp.subtract(a, b, out=apart)
        self._squared = squared = (apart * apart).sum(axis=1)
        if self.param.contrastive_loss_param.legacy_version:
            cost = xp.maximum(margin - squared, 0)
        else:
            cost = xp.maximum(margin - xp.sqrt(squared), 0) ** 2
        total = xp.where(self._similar, squared, cost).sum(dtype=np.float64)
        top[0].data[...] = total / (2 * max(1, self._items))

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        _loss.refuse_label_gradient(propagate_down, 2)
        xp, margin = self.xp, self.param.contrastive_loss_param.margin
        if self.param.contrastive_loss_param.legacy_version:
            push = 1 * (self._squared < margin)
        else:
            distance = xp.sqrt(self._squared)
            push = xp.maximum(margin - distance, 0) / (distance + NEAR)
        scale = xp.where(self._similar, 1, -push) * (top[0].diff / max(1, self._items))
        for blob, sign, wanted in zip(bottom[:2], (1, -1), propagate_down[:2], strict=True):
            if wanted:
                dx = blob.diff.reshape(self._apart.shape)
                xp.multiply(self._apart, (sign * scale)[:, None], out=dx)
