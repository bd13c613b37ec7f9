"""DetectionEvaluate: which of the boxes that were found are right."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from minicaffe.blob import Blob
from minicaffe.boxes.ground_truth import COLUMNS, Objects, objects_of
from minicaffe.boxes.iou import iou
from minicaffe.boxes.result_files import to_pixels
from minicaffe.data.listing import read_lines
from minicaffe.device import Array
from minicaffe.errors import DataError, LayerConfigError, ShapeError, ValueRangeError
from minicaffe.layers._index import refuse_index_gradient
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer

_WHAT = "detections or objects"
_FOUND = 7  # image, class, score, xmin, ymin, xmax, ymax


@register_layer("DetectionEvaluate")
class DetectionEvaluate(Layer):
    """For each box that was found, whether it is right; how many there are to be found.

    Of the boxes of an image and a class, from the best score down, one is right if the object that
    it overlaps most overlaps it by ``overlap_threshold``, and no better one has had that object.
    With ``evaluate_difficult_gt: false`` difficult objects need not be found, and a box on one is
    neither right nor wrong. A solver with ``eval_type: "detection"`` makes the mean average
    precision of it.

    It computes on the host: on a GPU, the bottoms are copied there.

    Shapes:
        bottom[0]  found    (1, 1, D, 7), a row a box, as DetectionOutput makes them: image, class,
                            score, xmin, ymin, xmax, ymax; one of class -1 is none
        bottom[1]  objects  (1, 1, M, 8), as AnnotatedData makes them
        top[0]     y        (1, 1, K - 1 + D, 5): for each class but the background -1, class, how
                            many are to be found, -1, -1; for each box its image, class, score,
                            1 if it is right, 1 if it is wrong
    Definition: ``detection_evaluate_param``. With ``name_size_file``, a line "name height width"
    for each image in the order of the test, boxes are compared in pixels, of which the last is
    inside too: that changes overlaps a little.
    After: the layer of SSD's fork of Caffe (Liu et al., "SSD: Single Shot MultiBox Detector",
    2016). Differs: equal scores are taken in their order.
    """

    origin = "SSD"
    num_bottom = Arity(2, 2)
    backward_reads: Collection[str] = ()
    waits = True

    def allow_force_backward(self, index: int) -> bool:
        return False

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.detection_evaluate_param
        if not param.num_classes:
            found = "0" if param.HasField("num_classes") else "missing"
            raise LayerConfigError(
                f"num_classes is {found}, expected at least 2, with the background"
            )
        if not param.overlap_threshold > 0:
            raise LayerConfigError(
                f"overlap_threshold is {param.overlap_threshold:g}, expected above 0"
            )
        for index in range(len(bottom)):
            refuse_index_gradient(self.param.propagate_down, index, _WHAT)
        self._sizes = list(_sizes(param.name_size_file)) if param.name_size_file else []
        self._seen = 0

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        for index, columns in enumerate((_FOUND, COLUMNS)):
            shape = bottom[index].shape
            if prod(shape) % columns or (shape and shape[-1] != columns):
                raise ShapeError(
                    f"bottom[{index}] has shape {shape}, expected (1, 1, N, {columns})"
                )
        top[0].reshape((1, 1, 1, 5))  # until a forward knows how many there are

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.detection_evaluate_param
        found, rows = (self.device.to_numpy(blob.data) for blob in bottom)
        found, rows = found.reshape(-1, _FOUND), rows.reshape(-1, COLUMNS)
        numbers, index = _images(found, rows)
        rows = np.concatenate([index[:, None].astype(rows.dtype), rows[:, 1:]], axis=1)
        images = int(numbers[-1]) + 1 if len(numbers) else 0
        objects = objects_of(rows, len(numbers), param.num_classes, param.background_label_id)
        if self._sizes and self._seen + images > len(self._sizes):
            raise DataError(
                f"names {len(self._sizes)} images, expected at least {self._seen + images}",
                param.name_size_file,
            )
        counted = np.reshape(list(self._counts(objects)), (-1, 5))
        judged = [
            self._judged(found[found[:, 0] == n], here, int(n))
            for n, here in zip(numbers, objects, strict=True)
        ]
        self._seen += images
        if self._sizes and self._seen >= len(self._sizes):
            self._seen = 0
        result = np.concatenate([counted, *judged])
        top[0].reshape((1, 1, *result.shape))
        top[0].data[...] = self.xp.asarray(result.astype(self.dtype))

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        for index in range(len(bottom)):
            refuse_index_gradient(propagate_down, index, _WHAT)

    def position(self) -> dict[str, Any]:
        """Which line of ``name_size_file`` the next image has: it follows the data's position."""
        return {"seen": self._seen} if self._sizes else {}

    def set_position(self, position: dict[str, Any]) -> None:
        """Continue from what ``position`` gave."""
        self._seen = int(position["seen"])

    def _counts(self, objects: list[Objects]) -> Iterator[list[float]]:
        """A row for each class: how many of it are to be found."""
        param = self.param.detection_evaluate_param
        labels = np.concatenate(
            [here.labels[self._wanted(here)] for here in objects] or [np.empty(0, np.int64)]
        )
        for label in range(param.num_classes):
            if label != param.background_label_id:
                yield [-1, label, int((labels == label).sum()), -1, -1]

    def _wanted(self, objects: Objects) -> Array:
        """Which of them have to be found."""
        every = self.param.detection_evaluate_param.evaluate_difficult_gt
        return objects.difficult == 0 if not every else np.ones(len(objects), bool)

    def _judged(self, found: Array, objects: Objects, image: int) -> Array:
        """(D, 5): image, class, score, right, wrong; by class, from the best score down."""
        param = self.param.detection_evaluate_param
        boxes, real = found[:, 3:], objects.boxes
        if self._sizes:
            height, width = self._sizes[self._seen + image]
            resize = param.resize_param if param.HasField("resize_param") else None
            boxes, real = (to_pixels(each, height, width, resize) for each in (boxes, real))
        wanted = self._wanted(objects)
        result = []
        for label in np.unique(found[:, 1]):
            own = np.flatnonzero(found[:, 1] == label)
            own = own[np.argsort(-found[own, 2], kind="stable")]
            there = np.flatnonzero(objects.labels == label)
            taken: set[int] = set()
            overlaps = iou(boxes[own], real[there], whole_pixels=bool(self._sizes))
            for row, overlap in zip(own, overlaps, strict=True):
                right = wrong = 0
                best = int(overlap.argmax()) if len(there) else -1
                if best < 0 or overlap[best] < param.overlap_threshold or best in taken:
                    wrong = 1
                elif wanted[there[best]]:
                    right = 1
                    taken.add(best)
                if label != -1:
                    result.append([image, label, found[row, 2], right, wrong])
        return np.reshape(result, (-1, 5))


def _images(found: Array, rows: Array) -> tuple[Array, Array]:
    """The numbers of the images that there are, in order, and for each object where its own is.

    Raises:
        ValueRangeError: a number is none.
    """
    for index, column in enumerate((found[:, 0], rows[:, 0])):
        bad = ~(np.isfinite(column) & ((column >= 0) | (column == -1)))
        if bad.any():
            row = int(bad.argmax())
            raise ValueRangeError(
                f"row {row} of bottom[{index}] is of image {column[row]:g}, expected a number "
                "from 0 up, or -1 for none"
            )
    numbers = np.unique(np.concatenate([found[:, 0], rows[:, 0]]))
    numbers = numbers[numbers >= 0]
    return numbers, np.where(rows[:, 0] < 0, -1, np.searchsorted(numbers, rows[:, 0]))


def _sizes(path: str) -> Iterator[tuple[int, int]]:
    """Height and width of each image."""
    for number, line in read_lines(path, "the name, height and width of an image"):
        words = line.rsplit(maxsplit=2)
        if len(words) != 3 or not all(word.isdecimal() and int(word) for word in words[1:]):
            raise DataError(
                f"is {line!r}, expected the name, height and width of an image",
                path,
                f"line {number}",
            )
        yield int(words[1]), int(words[2])
