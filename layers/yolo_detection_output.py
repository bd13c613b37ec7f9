"""YoloDetectionOutput: the boxes that YOLO 2 finds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError
from minicaffe.layers import _yolo
from minicaffe.layers._yolo_output import YoloOutput
from minicaffe.layers.registry import register_layer


@register_layer("YoloDetectionOutput")
class YoloDetectionOutput(YoloOutput):
    """The boxes of each image that are left by non-maximum suppression, class by class.

    A box is of the class that is most probable, by a softmax; its score is that probability times
    the sigmoid of its own score. Those above ``confidence_threshold`` are left that overlap no
    better one of their class by more than ``nms_threshold``. Boxes may reach out of the image,
    whose sides go from 0 to 1.

    It computes on the host: on a GPU, the bottom is copied there.

    Shapes:
        bottom[0]  x  (N, num_box (5 + num_classes), H, W): of each anchor x, y, w, h, score,
                      classes
        top[0]     y  (1, 1, D, 7), a row a box: number of the image, class from 1, score, xmin,
                      ymin, xmax, ymax; by image, by class, from the best down. Where no image has
                      any, a row an image: its number and six times -1
    Definition: ``yolo_detection_output_param``: ``biases`` are the anchors, in cells.
    After: J. Redmon, A. Farhadi, "YOLO9000: better, faster, stronger", 2017, and the fork
    MobileNet-YOLO. Differs: of equal scores the first is better; ``force_backward`` goes past it.
    """

    origin = "MobileNet-YOLO"

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.yolo_detection_output_param
        self.classes, self.overlap = param.num_classes, param.nms_threshold
        self.threshold = param.confidence_threshold
        if param.coords != 4:
            raise LayerConfigError(f"coords is {param.coords}, expected 4: x, y, w, h")
        self._anchors = _yolo.anchors_of(param.biases, param.num_box, "num_box")
        super().setup(bottom, top)

    def anchors(self, index: int) -> Array:
        return self._anchors

    def cells(self, index: int, shape: tuple[int, ...]) -> Array:
        return np.array(shape[::-1])

    def probabilities(self, x: Array) -> Array:
        return _yolo.softmax(x, 2)
