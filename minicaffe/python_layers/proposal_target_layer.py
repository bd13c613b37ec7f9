"""The module ``rpn.proposal_target_layer`` that definitions of Faster R-CNN name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minicaffe.boxes.iou import iou
from minicaffe.boxes.pixels import encode
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, ShapeError, ValueRangeError
from minicaffe.layers.base import Arity
from minicaffe.python_layers.settings import Value, settings
from minicaffe.python_layers.true_boxes import check_boxes
from minicaffe.python_layers.without_gradient import WithoutGradient
from minicaffe.user_blob import Blob

_DEFAULTS: dict[str, Value] = {
    "num_classes": 0,
    "batch_size": 128,
    "fg_fraction": 0.25,
    "fg_thresh": 0.5,
    "bg_thresh_hi": 0.5,
    "bg_thresh_lo": 0.0,
    "bbox_inside_weights": (1.0, 1.0, 1.0, 1.0),
    "bbox_normalize_targets_precomputed": True,
    "bbox_normalize_means": (0.0, 0.0, 0.0, 0.0),
    "bbox_normalize_stds": (0.1, 0.1, 0.2, 0.2),
    "agnostic": False,
}


class ProposalTargetLayer(WithoutGradient):
    """Regions to learn from, drawn by lot, with the classes and the boxes that they should get.

    The true boxes are regions too. One that a true box overlaps by ``fg_thresh`` gets the class of
    that which overlaps most; one from ``bg_thresh_lo`` to below ``bg_thresh_hi`` is background, 0.
    ``fg_fraction`` of ``batch_size`` regions, at most, are objects, and come first.

    Shapes, for K classes with the background:
        bottom[0]  rois     (R, 5): number of the image, which is 0, x1, y1, x2, y2
        bottom[1]  boxes    (G, 5): x1, y1, x2, y2 of the true boxes, and their class
        top[0]     rois     (S, 5)
        top[1]     labels   (S, 1)
        top[2]     targets  (S, 4 K): the offsets of the true box, in the columns of its class
        top[3]     inside   (S, 4 K): weights for SmoothL1Loss; 0 but in those columns
        top[4]     outside  (S, 4 K): 1 where ``inside`` is positive
    Definition: ``param_str``: ``num_classes``; and, by the names of py-faster-rcnn's configuration
    and as it is for end-to-end training, ``batch_size``, 128, below 1 for all; ``fg_fraction``,
    0.25; ``fg_thresh``, 0.5; ``bg_thresh_hi``, 0.5; ``bg_thresh_lo``, 0; ``bbox_inside_weights``,
    (1, 1, 1, 1); ``bbox_normalize_targets_precomputed``, True: subtract
    ``bbox_normalize_means``, (0, 0, 0, 0), and divide by ``bbox_normalize_stds``, (0.1, 0.1, 0.2,
    0.2); ``agnostic``, False: K is 2 in targets, whatever the class, as R-FCN has it.
    After: S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: towards real-time object detection
    with region proposal networks", 2015, and its layer. Differs: an image may have no true box.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        Arity(2, 2).check(len(bottom), "bottom")
        Arity(5, 5).check(len(top), "top")
        self._told: dict[str, Any] = settings(self.param_str, _DEFAULTS)
        classes = self._told["num_classes"]
        if classes < 2:
            raise LayerConfigError(
                f"param_str has {classes:g} for 'num_classes', expected at least 2, with the "
                "background"
            )
        self._columns = 2 if self._told["agnostic"] else int(classes)
        self._shape(top, 1)  # until a forward knows how many there are

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        for index, blob in enumerate(bottom):
            if len(blob.shape) != 2 or blob.shape[1] != 5:
                what = ("R, 5): image, x1, y1, x2, y2", "G, 5): x1, y1, x2, y2, class")[index]
                raise ShapeError(f"bottom[{index}] has shape {tuple(blob.shape)}, expected ({what}")

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        rois, true = (np.asarray(blob.data) for blob in bottom)
        self._check(rois, true)
        rois = np.concatenate([rois, np.insert(true[:, :4], 0, 0, axis=1)])
        overlaps = iou(rois[:, 1:], true[:, :4], whole_pixels=True)
        chosen, objects = self._draw(overlaps.max(axis=1, initial=0))
        labels = np.zeros(len(chosen), rois.dtype)
        targets, inside = (np.zeros((len(chosen), self._columns, 4), rois.dtype) for _ in range(2))
        if objects:
            owner = true[overlaps[chosen[:objects]].argmax(1)]
            labels[:objects] = owner[:, 4]
            row = np.arange(objects)
            column = np.ones(objects, int) if self._told["agnostic"] else owner[:, 4].astype(int)
            targets[row, column] = self._normalized(encode(owner[:, :4], rois[chosen[row], 1:]))
            inside[row, column] = self._told["bbox_inside_weights"]
        self._shape(top, len(chosen))
        found = (rois[chosen], labels, targets, inside, inside > 0)
        for blob, values in zip(top, found, strict=True):
            blob.data[...] = values.reshape(blob.shape)

    def _check(self, rois: Array, true: Array) -> None:
        check_boxes(true[:, :4])
        if rois[:, 0].any():
            row = int((rois[:, 0] != 0).argmax())
            raise ValueRangeError(
                f"region {row} is of image {rois[row, 0]:g}, expected 0: the true boxes are of one"
            )
        classes = self._told["num_classes"]
        bad = ~((true[:, 4] >= 1) & (true[:, 4] < classes))
        if bad.any():
            row = int(bad.argmax())
            raise ValueRangeError(
                f"true box {row} is of class {true[row, 4]:g}, expected 1..{classes - 1}: "
                "num_classes counts the background, which is 0"
            )

    def _draw(self, overlap: Array) -> tuple[Array, int]:
        """Which regions are learned from, the objects first, and how many objects there are."""
        told, size = self._told, self._told["batch_size"]
        objects = np.flatnonzero(overlap >= told["fg_thresh"])
        is_background = (overlap < told["bg_thresh_hi"]) & (overlap >= told["bg_thresh_lo"])
        background = np.flatnonzero(is_background)
        if size >= 1:
            objects = self._some(objects, round(told["fg_fraction"] * size))
            background = self._some(background, size - len(objects))
        return np.concatenate([objects, background]), len(objects)

    def _some(self, of: Array, most: int) -> Array:
        return of if len(of) <= most else self.rng.choice(of, most, replace=False)

    def _normalized(self, offsets: Array) -> Array:
        if not self._told["bbox_normalize_targets_precomputed"]:
            return offsets
        means, stds = (np.array(self._told[f"bbox_normalize_{name}"]) for name in ("means", "stds"))
        return (offsets - means) / stds

    def _shape(self, top: Sequence[Blob], count: int) -> None:
        for blob, columns in zip(top, (5, 1, *[4 * self._columns] * 3), strict=True):
            blob.reshape(count, columns)
