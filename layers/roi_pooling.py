"""ROIPooling: regions of any size, pooled to one size."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers._index import refuse_index_gradient, zero_gradient
from minicaffe.layers._regions import check_scale, check_shapes, refuse_region
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import roi_pooling as ops


@register_layer("ROIPooling")
class ROIPooling(Layer):
    """The largest element of each of ``pooled_h`` by ``pooled_w`` bins of each region.

    A region covers whole elements, its ends included: from ``round(x1 * spatial_scale)`` to
    ``round(x2 * spatial_scale)``, and y likewise; one that ends before it starts covers one
    element. Bin i of n covers, of its length l, from ``floor(i l / n)`` to ``ceil((i + 1) l / n)``,
    as far as that is inside the plane; a bin that has no element gives 0, and no gradient. NaN is
    passed over, as in Pooling.

    Shapes:
        bottom[0]  x     (N, C, H, W)
        bottom[1]  rois  (R, 5), or with further axes of 1: number of the image, x1, y1, x2, y2 in
                         the units of the network's input; their gradient is 0
        top[0]     y     (R, C, pooled_h, pooled_w)
    Definition: ``roi_pooling_param``.
    After: R. Girshick, "Fast R-CNN", 2015, and the layer of its fork of Caffe. Differs: a region
    of no image, or with a coordinate that is not finite, is refused on every device; coordinates
    end at 4 million elements; ``force_backward`` goes past the regions, where the original aborts.
    """

    origin = "Fast R-CNN"
    num_bottom = Arity(2, 2)
    backward_reads: Collection[str] = ("bottom",)

    def allow_force_backward(self, index: int) -> bool:
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.roi_pooling_param
        for field in ("pooled_h", "pooled_w"):
            if not getattr(param, field):
                found = "0" if param.HasField(field) else "missing"
                raise LayerConfigError(f"{field} is {found}, expected at least 1")
        self._scale = check_scale(param.spatial_scale)
        refuse_index_gradient(self.param.propagate_down, 1, "regions")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        check_shapes(bottom)
        x, rois = bottom
        param = self.param.roi_pooling_param
        top[0].reshape((rois.shape[0], x.shape[1], param.pooled_h, param.pooled_w))
        self._index = self.xp.zeros(top[0].shape, self.xp.int32)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        rois = bottom[1].data.reshape(-1, 5)
        bad = ops.roi_pool(self.xp, bottom[0].data, rois, top[0].data, self._index, self._scale)
        self.check(bad, rois, partial(refuse_region, rois.shape, bottom[0].shape))

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        zero_gradient(propagate_down, bottom, 1)
        if propagate_down[0]:
            rois = bottom[1].data.reshape(-1, 5)
            dy, dx = top[0].diff, bottom[0].diff
            ops.roi_pool_grad(self.xp, rois, dy, self._index, dx, self._scale)
