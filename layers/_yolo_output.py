"""What YOLO's output layers share: boxes with a score, and of those that overlap the best."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from typing import ClassVar

import numpy as np

from minicaffe.blob import Blob
from minicaffe.boxes.detections import Rules, best_of_image
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError
from minicaffe.layers import _yolo
from minicaffe.layers._index import refuse_index_gradient
from minicaffe.layers.base import Layer

_WHAT = "what detections are made of"


class YoloOutput(Layer):
    """Detections of predictions; subclasses say which anchors are whose.

    It computes on the host: on a GPU, the bottoms are copied there.
    """

    backward_reads: Collection[str] = ()
    waits: ClassVar[bool] = True

    classes: int
    threshold: float  # of scores
    overlap: float  # of boxes

    @abstractmethod
    def anchors(self, index: int) -> Array:
        """(A, 2): the anchors of bottom ``index``."""

    @abstractmethod
    def cells(self, index: int, shape: tuple[int, ...]) -> Array:
        """(2,): width and height, in the unit of the anchors, of the image of bottom ``index``."""

    @abstractmethod
    def probabilities(self, x: Array) -> Array:
        """Of classes, from their numbers (N, A, K, H, W)."""

    def allow_force_backward(self, index: int) -> bool:
        return False

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        for index in range(len(bottom)):
            refuse_index_gradient(self.param.propagate_down, index, _WHAT)
        if not self.overlap >= 0:
            raise LayerConfigError(f"nms_threshold is {self.overlap:g}, expected 0 or more")
        if not self.classes:
            raise LayerConfigError("num_classes is 0, expected at least 1")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        for index, blob in enumerate(bottom):
            name, anchors = f"bottom[{index}]", len(self.anchors(index))
            _yolo.check_predictions(blob.shape, name, anchors, self.classes)
            _yolo.check_images(blob.shape, name, bottom[0].shape)
        top[0].reshape((1, 1, 1, 7))  # until a forward knows how many there are

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        parts = [self._scored(index, blob) for index, blob in enumerate(bottom)]
        boxes, labels, scores = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
        found = [self._left(*image) for image in zip(boxes, labels, scores, strict=True)]
        numbers = np.repeat(np.arange(len(found)), [len(rows) for rows in found])
        result = np.concatenate([numbers[:, None], np.concatenate([*found, np.empty((0, 6))])], 1)
        if not len(result):
            result = np.full((len(found), 7), -1.0)
            result[:, 0] = np.arange(len(found))
        top[0].reshape((1, 1, *result.shape))
        top[0].data[...] = self.xp.asarray(result.astype(self.dtype))

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        for index in range(len(bottom)):
            refuse_index_gradient(propagate_down, index, _WHAT)

    def _scored(self, index: int, blob: Blob) -> tuple[Array, Array, Array]:
        """Boxes (N, B, 4), the best class of each (N, B), and its score (N, B)."""
        anchors = self.anchors(index)
        x = _yolo.split(self.device.to_numpy(blob.data), len(anchors))
        boxes = _yolo.boxes(x, anchors / self.cells(index, x.shape[3:]))
        chances = self.probabilities(x[:, :, 5:])
        scores = _yolo.sigmoid(x[:, :, 4]) * chances.max(axis=2)
        count = len(anchors) * x.shape[3] * x.shape[4]
        labels = chances.argmax(axis=2).reshape(len(x), count)
        return boxes.reshape(len(x), count, 4), labels, scores.reshape(len(x), count)

    def _left(self, boxes: Array, labels: Array, scores: Array) -> Array:
        """Of one image (K, 6): class from 1, score, and the box, by class, the best first."""
        own = {label + 1: labels == label for label in np.unique(labels).tolist()}
        rules = Rules(self.overlap, self.threshold)
        return best_of_image(
            {label: boxes[at] for label, at in own.items()},
            {label: scores[at] for label, at in own.items()},
            rules,
        )
