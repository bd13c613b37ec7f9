"""SoftmaxWithLossOHEM: SoftmaxWithLoss that tells the loss of each item, to mine hard ones by."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.layers.base import Arity
from minicaffe.layers.registry import register_layer
from minicaffe.layers.softmax_loss import SoftmaxWithLoss

_LEAST = 2.0**-126  # as SoftmaxWithLoss


@register_layer("SoftmaxWithLossOHEM")
class SoftmaxWithLossOHEM(SoftmaxWithLoss):
    """SoftmaxWithLoss, and ``-log(max(softmax(x)[label], 2 ** -126))`` of each position.

    Shapes, around the axis of the classes:
        bottom[0]  x      (outer..., classes, inner...), scores before any softmax
        bottom[1]  label  (outer..., inner...), or as many in another shape; truncated toward 0
        top[0]     loss   ()
        top[1]     prob   as x: the softmax; may be left out
        top[2]     each   (outer..., 1, inner...): 0 where the label is ``ignore_label``; no
                          gradient comes from it; may be left out
    Definition: ``softmax_param``, ``loss_param``, as SoftmaxWithLoss; ``each`` has no class weight
    and no smoothing.
    After: A. Shrivastava, A. Gupta, R. Girshick, "Training region-based object detectors with
    online hard example mining", 2016, and the layer of R-FCN's fork of Caffe; SoftmaxWithLoss.
    Differs: ``each`` has the shape of x with one class, as SmoothL1LossOHEM's, which it is added
    to, where there it has that of the labels.
    """

    origin = "R-FCN"
    num_top = Arity(1, 3)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().reshape(bottom, top[:2])
        axis = bottom[0].canonical_axis(self.param.softmax_param.axis)
        shape = list(bottom[0].shape)
        shape[axis] = 1
        for blob in top[2:]:
            blob.reshape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().forward(bottom, top[:2])
        if len(top) < 3:
            return
        xp, (outer, classes, inner) = self.xp, self._shape
        label = xp.trunc(bottom[1].data.reshape(outer, 1, inner))
        counts = label != self._ignore
        named = counts & (label >= 0) & (label < classes)  # others are refused, perhaps later
        index = xp.where(named, label, 0).astype(xp.int32)
        prob = xp.take_along_axis(top[1].data.reshape(self._shape), index, axis=1)
        each = xp.where(counts, -xp.log(xp.maximum(prob, _LEAST)), 0)
        top[2].data.reshape(outer, 1, inner)[...] = each

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        super().backward(top[:2], propagate_down, bottom)
