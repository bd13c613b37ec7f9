"""FocalLoss: a cross-entropy in which what is easy counts little."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError
from minicaffe.layers._softmax_loss import SoftmaxLoss
from minicaffe.layers.registry import register_layer
from minicaffe.ops.softmax import softmax
from minicaffe.ops.weighted_loss import focal_loss, weighted_loss_grad


@register_layer("FocalLoss")
class FocalLoss(SoftmaxLoss):
    """``loss = -alpha sum((1 - p) ** gamma log(p)) / divisor``, p = max(softmax(x)[label],
    2 ** -126).

    With gamma 0 and alpha 1 it is SoftmaxWithLoss; the larger gamma, the less count positions that
    are right already. The divisor, and positions that are ignored, are SoftmaxWithLoss's.

    Shapes, around the axis of the classes:
        bottom[0]  x      (outer..., classes, inner...), scores before any softmax
        bottom[1]  label  (outer..., inner...), or as many in another shape; truncated toward 0
        top[0]     loss   ()
        top[1]     prob   as x: the softmax; may be left out
    Definition: ``focal_loss_param``, ``softmax_param`` (``axis``), ``loss_param``.
    After: T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár, "Focal loss for dense object
    detection", 2017, with a softmax over the classes where the paper has a sigmoid for each, and
    one alpha for all. The paper's divisor, the number of boxes of objects, is none of the modes:
    ``normalization: NONE`` with a ``loss_weight`` comes nearest.
    """

    origin = "paper"

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().setup(bottom, top)
        param = self.param.focal_loss_param
        self._alpha, self._gamma = param.alpha, param.gamma
        for name, value in (("alpha", self._alpha), ("gamma", self._gamma)):
            if not 0 <= value < float("inf"):
                raise LayerConfigError(f"{name} is {value:g}, expected a number of at least 0")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().reshape(bottom, top)
        self._scale = self.device.zeros(self._shape[::2], self.dtype)

    def sum_losses(self, scores: Array, labels: Array, prob: Array) -> Array | int:
        softmax(self.xp, scores, prob)
        how = self._ignore, self._gamma, self._scale, self._total
        bad: Array | int = focal_loss(self.xp, prob, labels, *how)
        self._total[0] *= self._alpha
        return bad

    def grad(self, prob: Array, labels: Array, factor: Array, dx: Array) -> None:
        how = self._ignore, self._scale, 0.0, factor * self._alpha, dx
        weighted_loss_grad(self.xp, prob, labels, *how)
