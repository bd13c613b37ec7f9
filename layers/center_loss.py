"""CenterLoss: brings items near to the centre of their class, and learns where that is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import nan, prod

import numpy as np

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers import _loss
from minicaffe.layers._weights import wanted_diff
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.rows import add_rows, take_rows


@register_layer("CenterLoss")
class CenterLoss(Layer):
    """``loss = sum(|x - c[label]| ** 2) / (2 M)``, over M items.

    What the centres learn from is not the gradient of that: for the centre of a class it is
    ``sum(c - x) / (1 + n)``, over the n items of the class, whatever the loss's weight; so that
    their rate is ``lr_mult`` alone, and an item does not count for more where it is one of few.

    Shapes:
        bottom[0]  x      (M..., K...), features from ``axis`` on
        bottom[1]  label  (M...), or as many in another shape; truncated toward 0
        top[0]     loss   ()
    Blobs:
        [0]  c  (num_output, K), a centre for each class
    Definition: ``center_loss_param``; ``loss_param`` is ignored.
    After: Y. Wen, K. Zhang, Z. Li, Y. Qiao, "A discriminative feature learning approach for deep
    face recognition", 2016, and its fork caffe-face. Differs: a label that is no class is refused,
    where there memory is read past the centres.
    """

    origin = "caffe-face"
    num_bottom = Arity(2, 2)
    auto_top = True
    is_loss = True
    backward_reads = ("bottom",)

    def allow_force_backward(self, index: int) -> bool:
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.center_loss_param
        if not param.num_output:
            found = "0" if param.HasField("num_output") else "missing"
            raise LayerConfigError(f"num_output is {found}, expected the number of classes")
        _loss.refuse_label_gradient(self.param.propagate_down)
        features = prod(bottom[0].shape[bottom[0].canonical_axis(param.axis) :])
        self.add_param((param.num_output, features), param.center_filler)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape, (classes, features) = bottom[0].shape, self.blobs[0].shape
        axis = bottom[0].canonical_axis(self.param.center_loss_param.axis)
        items = prod(shape[:axis])
        if prod(shape[axis:]) != features:
            raise ShapeError(
                f"bottom[0] has shape {shape}, {prod(shape[axis:])} feature(s) from axis {axis} "
                f"on, expected {features}, as the centres have"
            )
        if bottom[1].count != items:
            raise ShapeError(
                f"bottom[1] has shape {bottom[1].shape}, {bottom[1].count} label(s), expected "
                f"{items}: bottom[0] has shape {shape}, and every item takes one"
            )
        self._apart = self.device.zeros((items, features), self.dtype)
        self._sums = self.device.zeros((classes, features), self.dtype)
        self._counts = self.device.zeros((classes, 1), self.dtype)
        self._ones = self.device.zeros((items, 1), self.dtype)
        self._ones[...] = 1
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        xp, apart, centers = self.xp, self._apart, self.blobs[0]
        labels = bottom[1].data.reshape(-1)
        bad = take_rows(xp, centers.data, labels, apart)
        shape = len(apart), centers.shape[0], 1
        self.check(bad, labels, partial(_loss.refuse_label, shape, nan))
        xp.subtract(apart, bottom[0].data.reshape(apart.shape), out=apart)
        top[0].data[...] = (apart**2).sum(dtype=np.float64) / (2 * max(1, len(apart)))

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        _loss.refuse_label_gradient(propagate_down)
        xp, apart, dc = self.xp, self._apart, wanted_diff(self, 0)
        if propagate_down[0]:
            factor = -top[0].diff / max(1, len(apart))
            xp.multiply(apart, factor, out=bottom[0].diff.reshape(apart.shape))
        if dc is not None:
            labels = bottom[1].data.reshape(-1)
            self._sums[...] = 0
            self._counts[...] = 1
            add_rows(xp, labels, apart, self._sums)
            add_rows(xp, labels, self._ones, self._counts)
            dc += self._sums / self._counts
