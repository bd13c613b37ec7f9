"""BoxAnnotatorOHEM: of the regions of each image, those of the highest loss are learned from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers._index import refuse_index_gradient, zero_gradient
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer

_WHAT = "what regions are chosen by"


@register_layer("BoxAnnotatorOHEM")
class BoxAnnotatorOHEM(Layer):
    """Labels and weights of the ``roi_per_img`` regions of each image that lose most.

    The others get ``ignore_label`` for a label, and weights of 0. Of equal losses the first is
    chosen; NaN counts as the highest of all, so that it is not hidden.

    Shapes:
        bottom[0]  rois     (R, 5), or with further axes of 1: number of the image, coordinates
        bottom[1]  loss     R elements: of each region
        bottom[2]  labels   R elements
        bottom[3]  weights  (R, ...): of the offsets of each region's box
        top[0]     labels   as bottom[2]
        top[1]     weights  as bottom[3]
    Definition: ``box_annotator_ohem_param``.
    After: A. Shrivastava, A. Gupta, R. Girshick, "Training region-based object detectors with
    online hard example mining", 2016, and the layer of R-FCN's fork of Caffe. Differs: runs on
    every device; ``force_backward`` goes past this layer.
    """

    origin = "R-FCN"
    num_bottom = Arity(4, 4)
    num_top = Arity(2, 2)
    backward_reads: Collection[str] = ()

    def allow_force_backward(self, index: int) -> bool:
        return False

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.box_annotator_ohem_param
        if not param.roi_per_img:
            found = "0" if param.HasField("roi_per_img") else "missing"
            raise LayerConfigError(f"roi_per_img is {found}, expected at least 1")
        for index in range(4):
            refuse_index_gradient(self.param.propagate_down, index, _WHAT)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        rois, loss, labels, weights = (blob.shape for blob in bottom)
        if len(rois) < 2 or prod(rois[1:]) != 5:
            raise ShapeError(f"bottom[0] has shape {rois}, expected (R, 5): image, x1, y1, x2, y2")
        for index, shape in ((1, loss), (2, labels)):
            if prod(shape) != rois[0]:
                raise ShapeError(
                    f"bottom[{index}] has shape {shape}, expected ({rois[0]},): a number for each "
                    "region of bottom[0]"
                )
        if weights[:1] != rois[:1]:
            raise ShapeError(
                f"bottom[3] has shape {weights}, expected ({rois[0]}, ...): weights for each "
                "region of bottom[0]"
            )
        top[0].reshape(labels)
        top[1].reshape(weights)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        xp, param = self.xp, self.param.box_annotator_ohem_param
        image = xp.trunc(bottom[0].data.reshape(-1, 5)[:, 0])
        loss = bottom[1].data.reshape(-1)
        loss = xp.where(xp.isnan(loss), xp.inf, loss)
        number = xp.arange(len(loss))
        is_before = (loss > loss[:, None]) | ((loss == loss[:, None]) & (number < number[:, None]))
        rank = (is_before & (image == image[:, None])).sum(
            axis=1
        )  # by pairs: nothing is waited for
        chosen = rank < param.roi_per_img
        labels, weights = bottom[2].data, bottom[3].data
        top[0].data[...] = xp.where(chosen.reshape(labels.shape), labels, param.ignore_label)
        shape = (-1, *[1] * (weights.ndim - 1))
        top[1].data[...] = xp.where(chosen.reshape(shape), weights, 0)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        zero_gradient(propagate_down, bottom, *range(4))
