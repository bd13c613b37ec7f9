"""PSROIPooling: regions of any size, each bin averaged over channels of its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers._index import refuse_index_gradient, zero_gradient
from minicaffe.layers._regions import check_scale, check_shapes, refuse_region
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import psroi_pooling as ops


@register_layer("PSROIPooling")
class PSROIPooling(Layer):
    """``y[r, d, i, j]`` is the mean of channel ``(d G + i) G + j`` in bin (i, j) of region r.

    A region goes from ``round(x1) * spatial_scale`` to ``(round(x2) + 1) * spatial_scale``, and y
    likewise, and is at least 0.1 elements long; G by G bins share it out evenly. A bin has the
    elements from ``floor`` of its start up to ``ceil`` of its end, as far as they are inside the
    plane; one that has none gives 0, and no gradient.

    Shapes, with G the ``group_size``:
        bottom[0]  x     (N, output_dim G G, H, W)
        bottom[1]  rois  (R, 5), or with further axes of 1: number of the image, x1, y1, x2, y2 in
                         the units of the network's input; their gradient is 0
        top[0]     y     (R, output_dim, G, G)
    Definition: ``psroi_pooling_param``.
    After: J. Dai, Y. Li, K. He, J. Sun, "R-FCN: object detection via region-based fully
    convolutional networks", 2016, and the layer of its fork of Caffe. Differs: runs on every
    device, where that has no CPU; a region of no image, or with a coordinate that is not finite,
    is refused; coordinates end at 4 million elements; ``force_backward`` goes past the regions.
    """

    origin = "R-FCN"
    num_bottom = Arity(2, 2)
    backward_reads: Collection[str] = ("bottom",)

    def allow_force_backward(self, index: int) -> bool:
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.psroi_pooling_param
        for field in ("output_dim", "group_size"):
            value = getattr(param, field)
            if value < 1:
                found = value if param.HasField(field) else "missing"
                raise LayerConfigError(f"{field} is {found}, expected at least 1")
        self._scale = check_scale(param.spatial_scale)
        refuse_index_gradient(self.param.propagate_down, 1, "regions")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        check_shapes(bottom)
        param, shape = self.param.psroi_pooling_param, bottom[0].shape
        outputs, bins = param.output_dim, param.group_size
        if shape[1] != outputs * bins * bins:
            raise ShapeError(
                f"bottom[0] has shape {shape}, expected {outputs * bins * bins} channels: "
                f"output_dim {outputs} times {bins} x {bins} bins"
            )
        top[0].reshape((bottom[1].shape[0], outputs, bins, bins))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        rois = bottom[1].data.reshape(-1, 5)
        bad = ops.psroi_pool(self.xp, bottom[0].data, rois, top[0].data, self._scale)
        self.check(bad, rois, partial(refuse_region, rois.shape, bottom[0].shape))

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        zero_gradient(propagate_down, bottom, 1)
        if propagate_down[0]:
            rois = bottom[1].data.reshape(-1, 5)
            ops.psroi_pool_grad(self.xp, rois, top[0].diff, bottom[0].diff, self._scale)
