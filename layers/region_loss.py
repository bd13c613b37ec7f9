"""RegionLoss: what YOLO 2 learns from."""

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


@register_layer("RegionLoss")
class RegionLoss(YoloLoss):
    """The mean over the images of the loss of all boxes.

    In the cell where an object's centre is, the anchor whose sides overlap most with its own (the
    predicted ones without ``bias_match``) is to find it; of two objects for one, the last counts.
    With s the sigmoid, each such box costs

        ``coord_scale f [(s(x) - x')^2 + (s(y) - y')^2 + (w - w')^2 + (h - h')^2] / 2``
        ``+ object_scale (s(score) - overlap)^2 / 2 + class_scale cross entropy of its class``

    (x', y' the centre's place in the cell, w' and h' the logarithms of the sides over the anchor's;
    with ``rescore`` f is 1, without it is 2 less the object's share of the image, and ``overlap``
    1; it has no gradient; classes are a softmax, or with ``softmax: 0`` independent). A box of
    nothing costs
    ``noobject_scale s(score)^2 / 2``, unless it overlaps an object by more than ``thresh``.

    Shapes:
        bottom[0]  x       (N, num (5 + num_class), H, W): of each anchor x, y, w, h, score, classes
        bottom[1]  labels  (1, 1, M, 8) as AnnotatedData gives them, classes from 1; or (N, ...):
                           class from 0, centre x, y, sides w, h of each box, in shares of the
                           image. Boxes without a side are padding. They have no gradient.
        top[0]     loss    ()
    Definition: ``region_loss_param``: ``biases`` are the anchors, in cells.
    After: J. Redmon, A. Farhadi, "YOLO9000: better, faster, stronger", 2017, and the fork
    MobileNet-YOLO. The gradient is that of the fork; the loss is what it is the gradient of, where
    there the sum of the gradient's squares is shown. Differs: boxes are not drawn to their anchors
    at the start of a training; all boxes of an image count; ``softmax`` is followed.
    """

    origin = "MobileNet-YOLO"

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.region_loss_param
        for field in ("softmax_tree", "class_map"):
            if getattr(param, field):
                raise LayerConfigError(
                    f"{field} is {getattr(param, field)!r}, expected none: classes that are kinds "
                    "of each other are not supported"
                )
        if param.coords != 4:
            raise LayerConfigError(f"coords is {param.coords}, expected 4: x, y, w, h")
        self.anchors = _yolo.anchors_of(param.biases, param.num, "num")
        self.classes, self.threshold = param.num_class, param.thresh
        self.scales = (
            param.object_scale,
            param.noobject_scale,
            param.class_scale,
            param.coord_scale,
        )
        self.check_scales()

    def shares(self, height: int, width: int) -> Array:
        return self.anchors / [width, height]

    def choose(self, sides: Array, predicted: Array, shape: tuple[int, int]) -> int:
        matched = self.param.region_loss_param.bias_match
        return best_overlap(sides, self.shares(*shape) if matched else predicted)

    def place_factor(self, area: float) -> float:
        return 1.0 if self.param.region_loss_param.rescore else super().place_factor(area)

    def score_for(self, overlap: float) -> float:
        return overlap if self.param.region_loss_param.rescore else 1.0

    def costs(self, x: Array, target: Targets) -> tuple[float, Array]:
        gradient = np.zeros_like(x)
        inside, score = _yolo.sigmoid(x[:, :2]), _yolo.sigmoid(x[:, 4])
        weight = target.place_weight[:, None]
        place = target.place.swapaxes(0, 1)
        total, gradient[:, :2] = weighted(weight, sigmoid_squares(inside, place[:, :2]))
        loss, gradient[:, 2:4] = weighted(weight, half_squares(x[:, 2:4], place[:, 2:]))
        total += loss
        cost = sigmoid_squares(score, target.score)
        loss, gradient[:, 4] = weighted(target.score_weight, cost)
        total += loss
        of_classes = _softmax_cost if self.param.region_loss_param.softmax else cross_entropy
        cost = of_classes(x[:, 5:], target.classes.swapaxes(0, 1))
        loss, gradient[:, 5:] = weighted(target.class_weight[:, None], cost)
        return total + loss, gradient


def _softmax_cost(x: Array, target: Array) -> tuple[Array, Array]:
    """Cross entropy along axis 1, and its gradient."""
    shifted = x - x.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -target * (shifted - log_sum), _yolo.softmax(x, 1) - target
