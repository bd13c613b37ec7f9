"""The module ``rpn.anchor_target_layer`` that definitions of Faster R-CNN name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minicaffe.boxes.anchors import RATIOS, SCALES, anchors, grid
from minicaffe.boxes.iou import iou
from minicaffe.boxes.pixels import encode
from minicaffe.device import Array
from minicaffe.errors import ShapeError
from minicaffe.layers.base import Arity
from minicaffe.python_layers.settings import Value, settings
from minicaffe.python_layers.true_boxes import check_boxes
from minicaffe.python_layers.without_gradient import WithoutGradient
from minicaffe.user_blob import Blob

_DEFAULTS: dict[str, Value] = {
    "feat_stride": 16,
    "scales": SCALES,
    "ratios": RATIOS,
    "allowed_border": 0,
    "rpn_positive_overlap": 0.7,
    "rpn_negative_overlap": 0.3,
    "rpn_clobber_positives": False,
    "rpn_fg_fraction": 0.5,
    "rpn_batchsize": 256,
    "rpn_bbox_inside_weights": (1.0, 1.0, 1.0, 1.0),
    "rpn_positive_weight": -1.0,
}


class AnchorTargetLayer(WithoutGradient):
    """What a region proposal network should say of the anchors of an image.

    An anchor that is in the image is an object, 1, if a true box overlaps it by
    ``rpn_positive_overlap``, or overlaps no anchor more; it is background, 0, if all overlap it by
    less than ``rpn_negative_overlap``; any other does not count, -1. Of all, ``rpn_batchsize`` are
    drawn by lot, of which ``rpn_fg_fraction`` at most are objects; the others do not count.

    Shapes, for A anchors at each position:
        bottom[0]  scores   (1, any, H, W); for its size alone
        bottom[1]  boxes    (G, 5): x1, y1, x2, y2 of the true boxes, and their class
        bottom[2]  image    (1, 3): height and width as the net sees it, by how much it was resized
        bottom[3]  data     not read; may be left out
        top[0]     labels   (1, 1, A H, W): 1, 0 or -1
        top[1]     targets  (1, 4 A, H, W): the offsets of the box that overlaps most
        top[2]     inside   (1, 4 A, H, W): weights for SmoothL1Loss; 0 but for objects
        top[3]     outside  (1, 4 A, H, W): 1 over how many count; 0 where none does
    Definition: ``param_str``: ``feat_stride``, 16; ``scales``, (8, 16, 32); ``ratios``, (0.5, 1,
    2); ``allowed_border``, 0: pixels that an anchor may be outside; and, by the names of
    py-faster-rcnn's configuration, ``rpn_positive_overlap``, 0.7; ``rpn_negative_overlap``, 0.3;
    ``rpn_clobber_positives``, False: background goes before objects; ``rpn_fg_fraction``, 0.5;
    ``rpn_batchsize``, 256; ``rpn_bbox_inside_weights``, (1, 1, 1, 1); ``rpn_positive_weight``, -1:
    from 0 to 1, what all objects together weigh in ``outside``, and background the rest.
    After: S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: towards real-time object detection
    with region proposal networks", 2015, and its layer. Differs: a true box that no anchor
    overlaps makes none of them an object, where it makes all; an image may have no true box.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        Arity(3, 4).check(len(bottom), "bottom")
        Arity(4, 4).check(len(top), "top")
        self._told: dict[str, Any] = settings(self.param_str, _DEFAULTS)
        self._anchors = anchors(ratios=self._told["ratios"], scales=self._told["scales"])

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        scores, boxes, image = (tuple(blob.shape) for blob in bottom[:3])
        if len(scores) != 4 or scores[0] != 1:
            raise ShapeError(f"bottom[0] has shape {scores}, expected (1, C, H, W): one image")
        if len(boxes) != 2 or boxes[1] != 5:
            raise ShapeError(f"bottom[1] has shape {boxes}, expected (G, 5): x1, y1, x2, y2, class")
        if np.prod(image) < 3:
            raise ShapeError(f"bottom[2] has shape {image}, expected (1, 3): height, width, scale")
        height, width = scores[2:]
        count = len(self._anchors)
        top[0].reshape(1, 1, count * height, width)
        for blob in top[1:]:
            blob.reshape(1, 4 * count, height, width)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        told, dtype = self._told, bottom[1].data.dtype
        (rows, columns), true = bottom[0].shape[2:], np.asarray(bottom[1].data)[:, :4]
        check_boxes(true)
        every = grid(self._anchors, rows, columns, told["feat_stride"]).astype(dtype)
        height, width = np.asarray(bottom[2].data).reshape(-1)[:2]
        border = told["allowed_border"]
        is_inside = (every[:, :2] >= -border).all(1)
        is_inside &= (every[:, 2:] < np.array([width, height]) + border).all(1)
        boxes = every[is_inside]
        overlaps = iou(boxes, true, whole_pixels=True)
        labels = self._draw(self._labels(overlaps))
        targets = np.zeros((len(boxes), 4), dtype)
        if overlaps.size:
            targets = encode(true[overlaps.argmax(1)], boxes)
        inside = np.where(labels[:, None] == 1, told["rpn_bbox_inside_weights"], 0)
        outside = np.repeat(self._outside(labels)[:, None], 4, axis=1)
        for blob, values in zip(top, (labels[:, None], targets, inside, outside), strict=True):
            full = np.full((len(every), values.shape[1]), -1.0 if blob is top[0] else 0.0)
            full[is_inside] = values
            each = full.reshape(rows, columns, len(self._anchors) * values.shape[1])
            blob.data[...] = each.transpose(2, 0, 1).reshape(blob.shape)

    def _labels(self, overlaps: Array) -> Array:
        """(A,) 1, 0 or -1, of all anchors that are inside, by (A, G) overlaps."""
        most = overlaps.max(axis=1, initial=0)
        best = overlaps.max(axis=0, initial=0)
        is_best = ((overlaps == best) & (best > 0)).any(axis=1)
        labels = np.full(len(overlaps), -1.0)
        is_background = most < self._told["rpn_negative_overlap"]
        labels[is_background] = 0
        labels[is_best | (most >= self._told["rpn_positive_overlap"])] = 1
        if self._told["rpn_clobber_positives"]:
            labels[is_background] = 0
        return labels

    def _draw(self, labels: Array) -> Array:
        """``labels``, with -1 for those that are not drawn."""
        batch = self._told["rpn_batchsize"]
        most = int(self._told["rpn_fg_fraction"] * batch)
        for label in (1, 0):
            found = np.flatnonzero(labels == label)
            if len(found) > most:
                labels[self.rng.choice(found, len(found) - most, replace=False)] = -1
            most = batch - int((labels == 1).sum())
        return labels

    def _outside(self, labels: Array) -> Array:
        """(A,) weights."""
        share = self._told["rpn_positive_weight"]
        if share < 0:
            return (labels >= 0) / max((labels >= 0).sum(), 1)
        parts = [(labels == label) / max((labels == label).sum(), 1) for label in (1, 0)]
        return share * parts[0] + (1 - share) * parts[1]
