"""SmoothL1Loss: the distance between two blobs, quadratic near 0 and linear beyond."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import isfinite
from typing import Any

import numpy as np

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers import _loss
from minicaffe.layers._index import refuse_index_gradient, zero_gradient
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.smooth_l1 import smooth_l1, smooth_l1_grad


@register_layer("SmoothL1Loss")
class SmoothL1Loss(Layer):
    """``loss = sum(o f(i (x - t))) / N`` over all elements of N items.

    ``f(d)`` is ``(sigma d)^2 / 2`` where ``|d| < 1 / sigma^2``, ``|d| - 1 / (2 sigma^2)`` beyond:
    the slope is at most 1, so that what is far off does not outweigh the rest. Both x and t may
    learn. The sum is divided by the first axis of bottom[0] alone, whatever the weights: a net
    that has one item, or none that counts, puts its divisor into the outside weights.

    Shapes:
        bottom[0]  x     (N, ...)
        bottom[1]  t     as x, or as many elements for each of N items in another shape
        bottom[2]  i     inside weights, as many as x: which elements count; all 1 if not given.
                           Their gradient is 0, as is that of bottom[3]
        bottom[3]  o     outside weights, as many as x; all 1 if not given
        top[0]     loss  ()
    Definition: ``smooth_l1_loss_param``: ``sigma``, 1 if not given, as in SSD and Fast R-CNN, which
    have no such field. ``loss_param`` is ignored, as it is there.
    After: R. Girshick, "Fast R-CNN", 2015; S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN:
    towards real-time object detection with region proposal networks", 2015, and the layers of
    their forks of Caffe and of SSD's. Differs: runs on every device, where Faster R-CNN's has no
    CPU; inside weights other than 0 and 1 are in the gradient twice, as the formula says, while
    SSD's and Fast R-CNN's have them there once; no items lose 0.
    """

    origin = "Fast R-CNN"
    num_bottom = Arity(2, 4)
    auto_top = True
    is_loss = True
    backward_reads: Collection[str] = ("bottom",)

    def allow_force_backward(self, index: int) -> bool:
        return index < 2

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._sigma = sigma = self.param.smooth_l1_loss_param.sigma
        if not (sigma > 0 and isfinite(sigma) and sigma**2 < np.finfo(self.dtype).max):
            raise LayerConfigError(
                f"sigma is {sigma:g}, expected a positive number whose square {self.dtype} holds"
            )
        for index in range(2, len(bottom)):
            refuse_index_gradient(self.param.propagate_down, index, "weights")
        self._total = self.xp.zeros(1, np.float64)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._items: float = max(1, _loss.paired(bottom))
        for index, weights in enumerate(bottom[2:], 2):
            if weights.count != bottom[0].count:
                raise ShapeError(
                    f"bottom[{index}] has shape {weights.shape}, expected "
                    f"{bottom[0].shape} as bottom[0]: each element has a weight"
                )
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        smooth_l1(self.xp, *_arrays(bottom), self._sigma, self._total)
        top[0].data[...] = self._total[0] / self._items

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        zero_gradient(propagate_down, bottom, *range(2, len(bottom)))
        x, t, *weights = _arrays(bottom)
        factor = top[0].diff / self._items
        for index, (here, other) in enumerate([(x, t), (t, x)]):
            if propagate_down[index]:
                dx = bottom[index].diff.reshape(-1)
                smooth_l1_grad(self.xp, here, other, *weights, self._sigma, factor, dx)


def _arrays(bottom: Sequence[Blob]) -> list[Any]:
    """x, t, inside and outside weights in one line each; None for those not given."""
    arrays = [blob.data.reshape(-1) for blob in bottom]
    return arrays + [None] * (4 - len(arrays))
