"""Yolov3DetectionOutput: the boxes that YOLO 3 finds, at all of its scales."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError
from minicaffe.layers import _yolo
from minicaffe.layers._yolo_output import YoloOutput
from minicaffe.layers.base import Arity
from minicaffe.layers.registry import register_layer


@register_layer("Yolov3DetectionOutput")
class Yolov3DetectionOutput(YoloOutput):
    """As YoloDetectionOutput, of several scales together, and with a sigmoid for each class.

    Shapes:
        bottom[i]  x  (N, num_box (5 + num_classes), H_i, W_i): of each anchor x, y, w, h, score,
                      classes
        top[0]     y  (1, 1, D, 7), as of YoloDetectionOutput
    Definition: ``yolov3_detection_output_param``: ``biases`` are the anchors of all scales, in
    pixels; ``mask`` names ``num_box`` of them for each bottom, one bottom after the other;
    ``anchors_scale`` is the pixels of a cell, for each bottom.
    After: J. Redmon, A. Farhadi, "YOLOv3: an incremental improvement", 2018, and the fork
    MobileNet-YOLO. Differs: of equal scores the first is better; ``force_backward`` goes past it.
    """

    origin = "MobileNet-YOLO"
    num_bottom = Arity(1, None)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.yolov3_detection_output_param
        self.classes, self.overlap = param.num_classes, param.nms_threshold
        self.threshold = param.confidence_threshold
        given = param.mask_group_num
        if param.HasField("mask_group_num") and given != len(bottom):
            raise LayerConfigError(
                f"mask_group_num is {given}, expected {len(bottom)}: the bottoms"
            )
        if len(param.anchors_scale) != len(bottom) or not all(param.anchors_scale):
            raise LayerConfigError(
                f"anchors_scale is {list(param.anchors_scale)}, expected {len(bottom)} numbers of "
                "1 or more: the pixels of a cell, for each bottom"
            )
        anchors = _yolo.anchors_of(param.biases, len(param.biases) // 2, "biases")
        count = len(bottom) * param.num_box
        _yolo.check_mask(param.mask, len(anchors), count, f"num_box for each of {len(bottom)}")
        self._anchors = anchors[list(param.mask)].reshape(len(bottom), param.num_box, 2)
        super().setup(bottom, top)

    def anchors(self, index: int) -> Array:
        return self._anchors[index]

    def cells(self, index: int, shape: tuple[int, ...]) -> Array:
        pixels = self.param.yolov3_detection_output_param.anchors_scale[index]
        return np.array(shape[::-1]) * pixels

    def probabilities(self, x: Array) -> Array:
        return _yolo.sigmoid(x)
