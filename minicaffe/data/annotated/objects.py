"""The objects of an image, and what becomes of them when a window is cut from it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicaffe.boxes.codes import clip
from minicaffe.boxes.iou import areas, coverage
from minicaffe.data.image import HostArray
from minicaffe.proto.minicaffe_pb2 import AnnotatedDatum, EmitConstraint


class Objects(NamedTuple):
    """The M objects of an image.

    Attributes:
        labels: (M,) their classes.
        instances: (M,) which of its class each is.
        boxes: (M, 4) xmin, ymin, xmax, ymax, from 0 to 1.
        difficult: (M,) 1 where one is hard to see.
    """

    labels: HostArray
    instances: HostArray
    boxes: HostArray
    difficult: HostArray

    def take(self, which: HostArray) -> Objects:
        """Those of ``which``, indexes or a mask."""
        return Objects(*(each[which] for each in self))

    def rows(self, image: int) -> HostArray:
        """(M, 8) float64: image, label, instance, xmin, ymin, xmax, ymax, difficult."""
        number = np.full(len(self.labels), image)
        return np.column_stack([number, *self]).astype(np.float64)

    def shares(self) -> HostArray:
        """(K, 5) float64 of those that are not difficult: class from 0, centre x, y, sides."""
        labels, _, boxes, _ = self.take(~self.difficult.astype(bool))
        low, high = boxes[:, :2], boxes[:, 2:]
        return np.column_stack([labels - 1, (low + high) / 2, high - low]).astype(np.float64)


def objects_of(datum: AnnotatedDatum) -> Objects:
    """The objects of a record, group by group."""
    rows = [
        (group.group_label, each.instance_id, each.bbox)
        for group in datum.annotation_group
        for each in group.annotation
    ]
    boxes = [(b.xmin, b.ymin, b.xmax, b.ymax) for _, _, b in rows]
    return Objects(
        np.array([label for label, _, _ in rows], np.int64),
        np.array([instance for _, instance, _ in rows], np.int64),
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array([b.difficult for _, _, b in rows], bool),
    )


def project(objects: Objects, window: HostArray, emit: EmitConstraint | None = None) -> Objects:
    """The objects as a window of their image has them, cut off at its border.

    Args:
        objects: of the image.
        window: (4,) xmin, ymin, xmax, ymax; may reach out of the image.
        emit: which of those are kept that are in it; None: all.
    """
    boxes = objects.boxes
    side = np.tile(window[2:] - window[:2], 2)
    placed = clip((boxes - np.tile(window[:2], 2)) / side)
    kept = areas(placed) > 0
    if emit is not None and emit.emit_type == EmitConstraint.CENTER:
        center = (boxes[:, :2] + boxes[:, 2:]) / 2
        kept &= ((center >= window[:2]) & (center <= window[2:])).all(1)
    elif emit is not None:
        kept &= coverage(boxes, window[None])[:, 0] > emit.emit_overlap
    return objects._replace(boxes=placed).take(kept)


def mirrored(objects: Objects) -> Objects:
    """The objects with left and right exchanged."""
    boxes = objects.boxes.copy()
    boxes[:, [0, 2]] = 1 - boxes[:, [2, 0]]
    return objects._replace(boxes=boxes)
