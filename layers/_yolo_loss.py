"""What YOLO's losses share: which box is to find which object, and what that costs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from minicaffe.blob import Blob
from minicaffe.boxes.iou import iou
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError
from minicaffe.layers import _yolo
from minicaffe.layers._index import refuse_index_gradient
from minicaffe.layers.base import Arity, Layer


@dataclass
class Targets:
    """What the predictions of one image should be; all are (A, H, W), or with an axis in front.

    Attributes:
        score: of an object.
        score_weight: factor to its loss; 0: whatever it is is right.
        place: (4, ...) of x, y, w, h: the first two as shares of a cell, behind the sigmoid.
        place_weight: factor to the loss of these; 0 where no object is to be found.
        classes: (K, ...) probabilities.
        class_weight: factor to the loss of these, likewise.
    """

    score: Array
    score_weight: Array
    place: Array
    place_weight: Array
    classes: Array
    class_weight: Array


class YoloLoss(Layer):
    """A loss of predictions against boxes; subclasses say which anchor is for which box.

    A forward brings predictions and labels to the host, and works out the gradient as well.
    """

    num_bottom = Arity(2, 2)
    is_loss = True
    waits = True
    backward_reads: Collection[str] = ()

    anchors: Array  # (A, 2) of these predictions
    classes: int
    threshold: float
    scales: tuple[float, float, float, float]  # object, nothing, class, place

    def allow_force_backward(self, index: int) -> bool:
        return index == 0

    @abstractmethod
    def shares(self, height: int, width: int) -> Array:
        """(A, 2): the anchors in shares of the image, of so many cells."""

    @abstractmethod
    def choose(self, sides: Array, predicted: Array, shape: tuple[int, int]) -> int:
        """Which anchor is for a box; -1: none of these.

        Args:
            sides: (2,) of the box, in shares of the image.
            predicted: (A, 2) sides predicted where the box is.
            shape: height and width in cells.
        """

    @abstractmethod
    def score_for(self, overlap: float) -> float:
        """What the score of an object should be, if its box overlaps so much."""

    @abstractmethod
    def costs(self, x: Array, target: Targets) -> tuple[float, Array]:
        """The loss of one image, and its gradient.

        Args:
            x: (A, 5 + K, H, W).
            target: what they should be.
        """

    def check_scales(self) -> None:
        """Refuse factors of losses below 0.

        Raises:
            LayerConfigError: there is one.
        """
        names = ("object_scale", "noobject_scale", "class_scale", "coord_scale")
        for name, scale in zip(names, self.scales, strict=True):
            if not 0 <= scale < np.inf:
                raise LayerConfigError(
                    f"{name} is {scale:g}, expected a finite number of at least 0"
                )

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        _yolo.check_predictions(shape, "bottom[0]", len(self.anchors), self.classes)
        _yolo.check_labels(bottom[1].shape, shape[0])
        refuse_index_gradient(self.param.propagate_down, 1, "boxes")
        top[0].reshape(())
        self._gradient = self.device.zeros(shape, self.dtype)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x = _yolo.split(self.device.to_numpy(bottom[0].data), len(self.anchors))
        labels = self.device.to_numpy(bottom[1].data)
        objects = _yolo.truths(labels, len(x), self.classes)
        found = _yolo.boxes(x, self.shares(*x.shape[3:]))
        gradient, total = np.zeros_like(x), 0.0
        for image, truth in enumerate(objects):
            target = self._targets(found[image], truth, x.dtype)
            with np.errstate(over="ignore", invalid="ignore"):  # of a net that has gone astray
                loss, gradient[image] = self.costs(x[image], target)
            total += loss / len(x)
        gradient /= max(len(x), 1)
        self._gradient[...] = self.xp.asarray(gradient.reshape(bottom[0].shape))
        top[0].data[...] = total

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        refuse_index_gradient(propagate_down, 1, "boxes")
        if propagate_down[0]:
            self.xp.multiply(self._gradient, top[0].diff, out=bottom[0].diff)

    def _targets(self, found: Array, truth: Array, dtype: Array) -> Targets:
        """Of one image.

        Args:
            found: (A, H, W, 4) boxes.
            truth: (T, 5) class, centre and sides.
            dtype: of the results.
        """
        shape = found.shape[:3]
        _, height, width = shape
        half = truth[:, 3:] / 2
        corners = np.concatenate([truth[:, 1:3] - half, truth[:, 1:3] + half], 1).astype(dtype)
        overlaps = iou(found.reshape(-1, 4), corners).reshape(*shape, len(truth))
        axes = (), (), (4,), (), (self.classes,), ()
        target = Targets(*(np.zeros((*each, *shape), dtype) for each in axes))
        # a box that fits an object well is not wrong, even where another one is to find it
        is_far = ~(overlaps > self.threshold).any(axis=-1)
        of_object, of_nothing, of_class, of_place = self.scales
        target.score_weight[...] = of_nothing * is_far
        shares = self.shares(height, width)
        for index, (label, x, y, w, h) in enumerate(truth):
            row, column = (int(min(max(at, 0), 1) * n) for at, n in ((y, height), (x, width)))
            row, column = min(row, height - 1), min(column, width - 1)
            there = found[:, row, column]
            anchor = self.choose(np.array([w, h]), there[:, 2:] - there[:, :2], (height, width))
            if anchor < 0:
                continue
            at = anchor, row, column
            target.score[at] = self.score_for(float(overlaps[at][index]))
            target.score_weight[at] = of_object
            inside = x * width - column, y * height - row
            target.place[:, *at] = *inside, *np.log([w, h] / shares[anchor])
            target.place_weight[at] = of_place * self.place_factor(w * h)
            self.set_class(target.classes[:, *at], int(label))
            target.class_weight[at] = of_class
        return target

    def place_factor(self, area: float) -> float:
        """How much the place of a box counts, by its share of the image: small ones for more."""
        return 2 - area

    def set_class(self, classes: Array, label: int) -> None:
        """Write what an object of class ``label`` makes of ``classes``, (K,)."""
        classes[...] = 0
        classes[label] = 1


def half_squares(y: Array, target: Array) -> tuple[Array, Array]:
    """``(y - target)^2 / 2`` and its gradient."""
    away = y - target
    return away * away / 2, away


def sigmoid_squares(y: Array, target: Array) -> tuple[Array, Array]:
    """``(y - target)^2 / 2``, and its gradient for what y is the sigmoid of."""
    cost, slope = half_squares(y, target)
    return cost, slope * y * (1 - y)


def cross_entropy(x: Array, target: Array) -> tuple[Array, Array]:
    """Of ``sigmoid(x)`` and ``target``, and its gradient."""
    cost = np.maximum(x, 0) - x * target + np.log1p(np.exp(-np.abs(x)))
    return cost, _yolo.sigmoid(x) - target


def weighted(weight: Array, cost: tuple[Array, Array]) -> tuple[float, Array]:
    """The sum of a cost times its weight, and the gradient; 0 where the weight is."""
    values, gradient = (np.where(weight > 0, weight * part, 0) for part in cost)
    return float(values.sum(dtype=np.float64)), gradient


def best_overlap(sides: Array, others: Array) -> int:
    """Which of (A, 2) sides overlaps most with (2,) ``sides``, the corners on each other."""
    corner = np.zeros_like(others)
    one = np.concatenate([np.zeros(2), sides])[None].astype(others.dtype)
    return int(iou(one, np.concatenate([corner, others], axis=1))[0].argmax())
