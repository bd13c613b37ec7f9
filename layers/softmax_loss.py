"""SoftmaxWithLoss: the cross-entropy between scores and the classes they should pick."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe import glog
from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers._softmax_loss import SoftmaxLoss
from minicaffe.layers.registry import register_layer
from minicaffe.ops.softmax import softmax, softmax_loss, softmax_loss_grad
from minicaffe.ops.weighted_loss import weighted_loss, weighted_loss_grad


@register_layer("SoftmaxWithLoss")
class SoftmaxWithLoss(SoftmaxLoss):
    """``loss = -sum(log(max(softmax(x)[label], 2 ** -126))) / divisor``, over all positions.

    A position is an index of all axes but that of the classes; those whose label is
    ``ignore_label`` do not count. The divisor is at least 1: the number of positions that
    count (VALID), of all positions (FULL), of items (BATCH_SIZE), or 1 (NONE).

    With ``weight_by_label_freqs: true`` each position's loss is multiplied by the number that
    ``class_weighting`` has for its label; the divisor stays what it is. ``label_smoothing: s``
    takes for the label the distribution that has s / classes at each class, and 1 - s more at the
    label: the loss is then ``-sum(q log(max(softmax(x), 2 ** -126)))``.

    Shapes, around the axis of the classes:
        bottom[0]  x      (outer..., classes, inner...), scores before any softmax
        bottom[1]  label  (outer..., inner...), or as many in another shape; truncated toward 0
        top[0]     loss   ()
        top[1]     prob   as x: the softmax; may be left out
    Definition: ``softmax_param``, ``loss_param``. ``axis`` may be negative; ``normalize``, the
    old form of ``normalization``, is VALID if true and BATCH_SIZE if false.
    After: src/caffe/layers/softmax_loss_layer.cpp, but for three cases: two tops work, where
    Caffe aborts, and a gradient for the second reaches x; a label that is no class is refused,
    where Caffe reads past the array. Class weights are of SegNet's fork (V. Badrinarayanan,
    A. Kendall, R. Cipolla, "SegNet: a deep convolutional encoder-decoder architecture for image
    segmentation", 2017); ``class_weighting`` that is not asked for is not read, as there, but with
    a warning. Smoothing: C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna, "Rethinking the
    Inception architecture for computer vision", 2016.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().setup(bottom, top)
        param = self.param.loss_param
        self._smoothing = param.label_smoothing
        if not 0 <= self._smoothing < 1:
            raise LayerConfigError(
                f"label_smoothing is {self._smoothing:g}, expected 0 <= label_smoothing < 1: it is "
                "the share of a label that goes to all classes"
            )
        self._factors = list(param.class_weighting)
        if param.weight_by_label_freqs:
            _check_factors(self._factors)
        elif self._factors:
            glog.warning(
                "softmax_loss_layer.cpp:1",
                f"layer {self.param.name!r} (SoftmaxWithLoss) has class_weighting, which is not "
                "read without weight_by_label_freqs: true",
            )
        self._is_plain = not (param.weight_by_label_freqs or self._smoothing)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().reshape(bottom, top)
        if self._is_plain:
            return
        outer, classes, inner = self._shape
        weighted = self.param.loss_param.weight_by_label_freqs
        if weighted and len(self._factors) != classes:
            raise ShapeError(
                f"class_weighting is given {len(self._factors)} time(s), expected {classes}, one a "
                f"class: bottom[0] has shape {bottom[0].shape}"
            )
        factors = self._factors if weighted else [1.0] * classes
        self._weight = self.xp.asarray(np.array(factors, self.dtype))
        self._scale = self.device.zeros((outer, inner), self.dtype)

    def sum_losses(self, scores: Array, labels: Array, prob: Array) -> Array | int:
        if self._is_plain:
            return softmax_loss(self.xp, scores, labels, self._ignore, prob, self._total)
        softmax(self.xp, scores, prob)
        how = self._ignore, self._weight, self._smoothing, self._scale, self._total
        return weighted_loss(self.xp, prob, labels, *how)

    def grad(self, prob: Array, labels: Array, factor: Array, dx: Array) -> None:
        if self._is_plain:
            softmax_loss_grad(self.xp, prob, labels, self._ignore, factor, dx)
        else:
            how = self._ignore, self._scale, self._smoothing, factor, dx
            weighted_loss_grad(self.xp, prob, labels, *how)


def _check_factors(factors: Sequence[float]) -> None:
    if not factors:
        raise LayerConfigError(
            "class_weighting is missing, expected a number for each class: weight_by_label_freqs "
            "is true"
        )
    for index, factor in enumerate(factors):
        if not 0 <= factor < np.inf:
            raise LayerConfigError(
                f"class_weighting[{index}] is {factor:g}, expected a finite number of at least 0"
            )
