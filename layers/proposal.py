"""Proposal: the regions that a region proposal network finds in images."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from minicaffe.blob import Blob
from minicaffe.boxes.anchors import RATIOS, SCALES, anchors
from minicaffe.boxes.proposals import Rules
from minicaffe.errors import LayerConfigError
from minicaffe.layers._index import refuse_index_gradient, zero_gradient
from minicaffe.layers._proposals import check_shapes, propose_all
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer

_WHAT = "what regions are proposed by"


@register_layer("Proposal")
class Proposal(Layer):
    """The best of the anchors of each image, moved by their offsets, that overlap no better one.

    Anchors are squares of side ``base_size`` brought to each ``ratio`` and ``scale``, every
    ``feat_stride`` pixels. What is moved is cut off at the image; what is then smaller than
    ``min_size`` pixels of the image as it was is dropped. Of the ``pre_nms_topn`` best, those are
    left that overlap no better one by more than ``nms_thresh``, at most ``post_nms_topn``.

    It computes on the host: on a GPU, the bottoms are copied there.

    Shapes, for A anchors at each position:
        bottom[0]  scores   (N, 2 A, H, W): A of the background, then A of objects
        bottom[1]  offsets  (N, 4 A, H, W)
        bottom[2]  images   (N, 3): height and width as the net sees it, by how much it was
                            resized; or (N, 4), with the scales of its height and its width
        top[0]     rois     (R, 5): number of the image, x1, y1, x2, y2, from the best down
        top[1]     scores   (R, 1); may be left out
    Definition: ``proposal_param``.
    After: S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: towards real-time object detection
    with region proposal networks", 2015, and the layer that forks of Caffe have in C++ for its
    layer in Python. Differs: takes several images; of equal scores the first is better; where
    nothing is found there are no rows; ``force_backward`` goes past this layer.
    """

    origin = "Faster R-CNN"
    num_bottom = Arity(3, 3)
    num_top = Arity(1, 2)
    backward_reads: Collection[str] = ()
    waits = True

    def allow_force_backward(self, index: int) -> bool:
        return False

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.proposal_param
        for field in ("feat_stride", "base_size"):
            if not getattr(param, field):
                raise LayerConfigError(f"{field} is 0, expected at least 1 pixel")
        for field in ("ratio", "scale"):
            for value in getattr(param, field):
                if not 0 < value < float("inf"):
                    raise LayerConfigError(f"{field} is {value:g}, expected a positive number")
        if not param.nms_thresh >= 0:
            raise LayerConfigError(f"nms_thresh is {param.nms_thresh:g}, expected 0 or more")
        for index in range(3):
            refuse_index_gradient(self.param.propagate_down, index, _WHAT)
        self._anchors = anchors(
            param.base_size, param.ratio or RATIOS, param.scale or SCALES, half_to_even=False
        )
        self._rules = Rules(
            stride=param.feat_stride,
            min_size=param.min_size,
            before_nms=param.pre_nms_topn,
            threshold=param.nms_thresh,
            after_nms=param.post_nms_topn,
        )

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        scores, offsets, images = (blob.shape for blob in bottom)
        check_shapes(scores, offsets, images, len(self._anchors))
        self._shape(top, 1)  # until a forward knows how many there are

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        scores, offsets, images = (self.device.to_numpy(blob.data) for blob in bottom)
        rois, found = propose_all(scores, offsets, images, self._anchors, self._rules)
        self._shape(top, len(rois))
        for blob, values in zip(top, (rois, found[:, None]), strict=False):
            blob.data[...] = self.xp.asarray(values)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        zero_gradient(propagate_down, bottom, *range(3))

    def _shape(self, top: Sequence[Blob], count: int) -> None:
        for blob, columns in zip(top, (5, 1), strict=False):
            blob.reshape((count, columns))
