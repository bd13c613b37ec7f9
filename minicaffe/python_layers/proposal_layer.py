"""The module ``rpn.proposal_layer`` that definitions of Faster R-CNN name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.boxes.anchors import RATIOS, SCALES, anchors
from minicaffe.boxes.proposals import Rules
from minicaffe.layers._proposals import check_shapes, propose_all
from minicaffe.layers.base import Arity
from minicaffe.proto.minicaffe_pb2 import TRAIN
from minicaffe.python_layers.settings import Value, settings
from minicaffe.python_layers.without_gradient import WithoutGradient
from minicaffe.user_blob import Blob

_DEFAULTS: dict[str, Value] = {
    "feat_stride": 16,
    "scales": SCALES,
    "ratios": RATIOS,
    "rpn_nms_thresh": 0.7,
    "rpn_min_size": 16,
}
_COUNTS: dict[bool, dict[str, Value]] = {  # by whether the net trains
    True: {"rpn_pre_nms_top_n": 12000, "rpn_post_nms_top_n": 2000},
    False: {"rpn_pre_nms_top_n": 6000, "rpn_post_nms_top_n": 300},
}


class ProposalLayer(WithoutGradient):
    """The regions that a region proposal network finds in images; see Proposal.

    Shapes, for A anchors at each position:
        bottom[0]  scores   (N, 2 A, H, W): A of the background, then A of objects
        bottom[1]  offsets  (N, 4 A, H, W)
        bottom[2]  images   (N, 3): height and width as the net sees it, by how much it was resized
        top[0]     rois     (R, 5): number of the image, x1, y1, x2, y2, from the best down
        top[1]     scores   (R, 1); may be left out
    Definition: ``param_str``: ``feat_stride``, 16; ``scales``, (8, 16, 32); ``ratios``, (0.5, 1,
    2); and, by the names of py-faster-rcnn's configuration, ``rpn_pre_nms_top_n``, 12000 in TRAIN
    and 6000 in TEST; ``rpn_post_nms_top_n``, 2000 and 300; ``rpn_nms_thresh``, 0.7;
    ``rpn_min_size``, 16 pixels of the image as it was.
    After: S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: towards real-time object detection
    with region proposal networks", 2015, and its layer. Differs: takes several images; of equal
    scores the first is better; where nothing is found there are no rows.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        Arity(3, 3).check(len(bottom), "bottom")
        Arity(1, 2).check(len(top), "top")
        told = settings(self.param_str, _DEFAULTS | _COUNTS[self.phase == TRAIN])
        self._anchors = anchors(ratios=told["ratios"], scales=told["scales"])
        self._rules = Rules(
            stride=told["feat_stride"],
            min_size=told["rpn_min_size"],
            before_nms=told["rpn_pre_nms_top_n"],
            threshold=told["rpn_nms_thresh"],
            after_nms=told["rpn_post_nms_top_n"],
        )
        self._shape(top, 1)  # until a forward knows how many there are

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        scores, offsets, images = (blob.shape for blob in bottom)
        check_shapes(scores, offsets, images, len(self._anchors))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        scores, offsets, images = (np.asarray(blob.data) for blob in bottom)
        rois, found = propose_all(scores, offsets, images, self._anchors, self._rules)
        self._shape(top, len(rois))
        for blob, values in zip(top, (rois, found[:, None]), strict=False):
            blob.data[...] = values

    def _shape(self, top: Sequence[Blob], count: int) -> None:
        for blob, columns in zip(top, (5, 1), strict=False):
            blob.reshape(count, columns)
