"""SmoothL1LossOHEM: SmoothL1Loss that tells the loss of each item, to mine hard ones by."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Arity
from minicaffe.layers.registry import register_layer
from minicaffe.layers.smooth_l1_loss import SmoothL1Loss
from minicaffe.proto.minicaffe_pb2 import LossParameter


@register_layer("SmoothL1LossOHEM")
class SmoothL1LossOHEM(SmoothL1Loss):
    """``loss = sum(f(i (x - t))) / divisor``, f as in SmoothL1Loss, and the sum of each item.

    The divisor is at least 1: the number of positions (VALID, the default, and FULL), of items
    (BATCH_SIZE), ``pre_fixed_normalizer`` (PRE_FIXED), or 1 (NONE). Weights are no part of it.

    Shapes:
        bottom[0]  x     (N, C, \\*any)
        bottom[1]  t     as x, or as many elements for each of N items in another shape
        bottom[2]  i     weights, as many as x; all 1 if not given; their gradient is 0
        top[0]     loss  ()
        top[1]     each  (N, 1, \\*any): the sum over the channels of each position, not divided;
                         no gradient comes from it; may be left out
    Definition: ``loss_param``, ``smooth_l1_loss_param``.
    After: A. Shrivastava, A. Gupta, R. Girshick, "Training region-based object detectors with
    online hard example mining", 2016, and the layer of R-FCN's fork of Caffe. Differs: runs on
    every device, and takes any number of axes from 2 up; the gradient has the weights.
    """

    origin = "R-FCN"
    num_bottom = Arity(2, 3)
    num_top = Arity(1, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().setup(bottom, top)
        fixed = self.param.loss_param.pre_fixed_normalizer
        if not isfinite(fixed):
            raise LayerConfigError(f"pre_fixed_normalizer is {fixed:g}, expected a finite number")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape, param = bottom[0].shape, self.param.loss_param
        if len(shape) < 2:
            raise ShapeError(f"bottom[0] has shape {shape}, expected (N, C, ...)")
        super().reshape(bottom, top)
        places = shape[0] * prod(shape[2:])
        divisors = {
            LossParameter.BATCH_SIZE: shape[0],
            LossParameter.NONE: 1,
            LossParameter.PRE_FIXED: param.pre_fixed_normalizer,
        }
        mode = param.normalization
        if param.HasField("normalize") and not param.HasField("normalization"):
            mode = LossParameter.VALID if param.normalize else LossParameter.BATCH_SIZE
        self._items = max(1, divisors.get(mode, places))
        for blob in top[1:]:
            blob.reshape((shape[0], 1, *shape[2:]))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().forward(bottom, top)
        if len(top) == 1:
            return
        shape, square = bottom[0].shape, self._sigma**2
        arrays = [blob.data.reshape(shape[0], shape[1], -1) for blob in bottom]
        away = arrays[0] - arrays[1]
        for weights in arrays[2:]:
            away *= weights
        size = abs(away)
        each = self.xp.where(size * square < 1, square * away * away / 2, size - 0.5 / square)
        top[1].data.reshape(shape[0], -1)[...] = each.sum(axis=1)
