"""Yolov3: what YOLO 3 learns from, at one of its scales."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError
from minicaffe.layers import _yolo
from minicaffe.layers._yolo_loss import (
    Targets,
    YoloLoss,
    best_overlap,
    cross_entropy,
    half_squares,
    sigmoid_squares,
    weighted,
)
from minicaffe.layers.registry import register_layer


@register_layer("Yolov3")
class Yolov3(YoloLoss):
    """The mean over the images of the loss of all boxes at one scale.

    Of the anchors of all scales, the one whose sides overlap most with an object's is to find it,
    in the cell where the object's centre is: here if it is one of ``mask``. Each such box costs

        ``coord_scale (2 - w h) [ce(x, x') + ce(y, y') + ((w - w')^2 + (h - h')^2) / 2]``
        ``+ ce(score, 1) + class_scale sum_k ce(class_k, 1 where it is the object's)``

    (ce the cross entropy of the sigmoid; x', y' the centre's place in the cell, w' and h' the
    logarithms of the sides over the anchor's, in the factor the sides as shares of the image). Of
    two objects for one box the last counts, and it has the classes of both. A box of nothing costs
    ``ce(score, 0)``, unless it overlaps an object by more than ``thresh``. With
    ``use_logic_gradient`` each ``ce(v, t)`` is ``(s(v) - t)^2 / 2``, s the sigmoid, and that of an
    object's score counts ``object_scale`` times. ``noobject_scale`` is not read.

    Shapes:
        bottom[0]  x       (N, num (5 + num_class), H, W): of each anchor x, y, w, h, score, classes
        bottom[1]  labels  (1, 1, M, 8) or (N, ...), as in RegionLoss; they have no gradient
        top[0]     loss    ()
    Definition: ``yolov3_param``: ``biases`` are the anchors of all scales, in pixels of the image
    of ``anchors_scale`` pixels a cell; ``mask`` names the ``num`` of this scale.
    After: J. Redmon, A. Farhadi, "YOLOv3: an incremental improvement", 2018, and the fork
    MobileNet-YOLO. The gradient is that of the fork; the loss is what it is the gradient of, where
    there the sum of the gradient's squares is shown. Differs: all boxes of an image count.
    ``use_focal_loss`` is refused.
    """

    origin = "MobileNet-YOLO"

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.yolov3_param
        if param.use_focal_loss:
            raise LayerConfigError("use_focal_loss is true, expected false: it is not supported")
        if not param.anchors_scale:
            raise LayerConfigError("anchors_scale is 0, expected the pixels of a cell")
        self._all = _yolo.anchors_of(param.biases, len(param.biases) // 2, "biases")
        self._mask = list(param.mask)
        _yolo.check_mask(param.mask, len(self._all), param.num, "num tells how many it names")
        self.anchors = self._all[self._mask]
        self.classes, self.threshold = param.num_class, param.thresh
        of_object = param.object_scale if param.use_logic_gradient else 1.0
        self.scales = of_object, 1.0, param.class_scale, param.coord_scale
        self.check_scales()

    def shares(self, height: int, width: int) -> Array:
        return self.anchors / self._pixels(height, width)

    def choose(self, sides: Array, predicted: Array, shape: tuple[int, int]) -> int:
        best = best_overlap(sides, self._all / self._pixels(*shape))
        return self._mask.index(best) if best in self._mask else -1

    def score_for(self, overlap: float) -> float:
        return 1.0

    def set_class(self, classes: Array, label: int) -> None:
        classes[label] = 1

    def costs(self, x: Array, target: Targets) -> tuple[float, Array]:
        gradient, of = np.empty_like(x), cross_entropy
        if self.param.yolov3_param.use_logic_gradient:
            of = _squares
        weight = target.place_weight[:, None]
        place, classes = target.place.swapaxes(0, 1), target.classes.swapaxes(0, 1)
        losses = np.empty(4)
        losses[0], gradient[:, :2] = weighted(weight, of(x[:, :2], place[:, :2]))
        losses[1], gradient[:, 2:4] = weighted(weight, half_squares(x[:, 2:4], place[:, 2:]))
        score = of(x[:, 4], target.score)
        losses[2], gradient[:, 4] = weighted(target.score_weight, score)
        each = of(x[:, 5:], classes)
        losses[3], gradient[:, 5:] = weighted(target.class_weight[:, None], each)
        return float(losses.sum()), gradient

    def _pixels(self, height: int, width: int) -> Array:
        """Sides of the image."""
        return np.array([width, height]) * self.param.yolov3_param.anchors_scale


def _squares(x: Array, target: Array) -> tuple[Array, Array]:
    """``(sigmoid(x) - target)^2 / 2`` and its gradient."""
    return sigmoid_squares(_yolo.sigmoid(x), target)
