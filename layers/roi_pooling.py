"""ROIPooling: regions of any size, pooled to one size."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from math import isfinite, prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError, ValueRangeError
from minicaffe.layers._index import refuse_index, refuse_index_gradient
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
                         the units of the network's input; they have no gradient
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
        if not (param.spatial_scale > 0 and isfinite(param.spatial_scale)):
            raise LayerConfigError(
                f"spatial_scale is {param.spatial_scale:g}, expected a positive number"
            )
        refuse_index_gradient(self.param.propagate_down, 1, "regions")
        self._scale = param.spatial_scale

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, rois = bottom
        if x.ndim != 4:
            raise ShapeError(f"bottom[0] has shape {x.shape}, expected (N, C, H, W)")
        if rois.ndim < 2 or prod(rois.shape[1:]) != 5:
            raise ShapeError(
                f"bottom[1] has shape {rois.shape}, expected (R, 5): image, x1, y1, x2, y2"
            )
        param = self.param.roi_pooling_param
        top[0].reshape((rois.shape[0], x.shape[1], param.pooled_h, param.pooled_w))
        self._index = self.xp.zeros(top[0].shape, self.xp.int32)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        rois = bottom[1].data.reshape(-1, 5)
        bad = ops.roi_pool(self.xp, bottom[0].data, rois, top[0].data, self._index, self._scale)
        self.check(bad, rois, partial(_refuse, rois.shape, bottom[0].shape))

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        refuse_index_gradient(propagate_down, 1, "regions")
        if propagate_down[0]:
            rois = bottom[1].data.reshape(-1, 5)
            dy, dx = top[0].diff, bottom[0].diff
            ops.roi_pool_grad(self.xp, rois, dy, self._index, dx, self._scale)


def _refuse(rois: tuple[int, ...], x: tuple[int, ...], position: int, value: float) -> None:
    """Raise for ``value`` at flat ``position`` of the regions.

    Raises:
        ValueRangeError: always.
    """
    row, column = divmod(position, 5)
    if not column:
        refuse_index(rois, "bottom[1]", x[0], f"bottom[0] has shape {x}", position, value)
    name = ("x1", "y1", "x2", "y2")[column - 1]
    raise ValueRangeError(
        f"{name} of region {row} is {value:g}, expected a finite number: bottom[1] holds "
        "coordinates"
    )
