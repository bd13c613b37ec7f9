"""Interp: planes in another size, bilinear."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import interp as ops


@register_layer("Interp")
class Interp(Layer):
    """Values at even distances from corner to corner of each plane, between the four nearest.

    Row i of H is at ``i (h - 1) / (H - 1)`` of the bottom's, so that first and last are as they
    were; of one row it is the first. Columns likewise.

    Shapes, with h and w less what ``pad_beg`` and ``pad_end`` cut off, at the start and the end of
    rows and of columns:
        bottom[0]  x  (N, C, h, w)
        top[0]     y  (N, C, H, W):
                      ``H = (h - 1) / shrink_factor + 1``, rounded down;
                      ``H = h + (h - 1) (zoom_factor - 1)``; with both the first, then the second;
                      ``height`` where neither is given. W likewise.
    Definition: ``interp_param``: ``height`` and ``width``, or ``zoom_factor``, ``shrink_factor``,
    or both; ``pad_beg`` and ``pad_end``, 0 or less.
    After: L.-C. Chen, G. Papandreou, I. Kokkinos, K. Murphy, A. Yuille, "Semantic image
    segmentation with deep convolutional nets and fully connected CRFs", 2015 (DeepLab), and
    H. Zhao, J. Shi, X. Qi, X. Wang, J. Jia, "Pyramid scene parsing network", 2017, and their forks
    of Caffe. Differs: ``height`` and ``width`` beside a factor are refused, where there they are
    not read.
    """

    origin = "DeepLab, PSPNet"
    backward_reads = ()

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.interp_param
        factors = [f for f in ("zoom_factor", "shrink_factor") if param.HasField(f)]
        sides = [f for f in ("height", "width") if param.HasField(f)]
        if factors and sides:
            raise LayerConfigError(
                f"{factors[0]} and {sides[0]} are given, expected height and width, or "
                "zoom_factor and shrink_factor, or one of these two"
            )
        if not factors and len(sides) < 2:
            found = f"{sides[0]} alone is" if sides else "no size is"
            raise LayerConfigError(
                f"{found} given, expected height and width, or zoom_factor, or shrink_factor"
            )
        for field in factors or sides:
            if getattr(param, field) < 1:
                raise LayerConfigError(f"{field} is {getattr(param, field)}, expected at least 1")
        for field in ("pad_beg", "pad_end"):
            if getattr(param, field) > 0:
                raise LayerConfigError(
                    f"{field} is {getattr(param, field)}, expected 0 or less: it can only cut off"
                )

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape, param = bottom[0].shape, self.param.interp_param
        if len(shape) != 4:
            raise ShapeError(f"bottom[0] has shape {shape}, expected (N, C, H, W)")
        sizes = [size + param.pad_beg + param.pad_end for size in shape[2:]]
        if min(sizes) < 1:
            cut = -param.pad_beg - param.pad_end
            of_which = f", of which pad_beg and pad_end cut off {cut}" if cut else ""
            raise ShapeError(
                f"bottom[0] has shape {shape}{of_which}, expected that a row and a column are left"
            )
        given = (param.height, param.width)
        top[0].reshape((*shape[:2], *map(self._out, sizes, given)))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        ops.interp(self.xp, self._cut(bottom[0].data), top[0].data)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if not propagate_down[0]:
            return
        dx = bottom[0].diff
        cut = self._cut(dx)
        if cut.shape != dx.shape:
            dx[...] = 0
        ops.interp_grad(self.xp, top[0].diff, cut)

    def _out(self, size: int, given: int) -> int:
        param = self.param.interp_param
        if param.HasField("height"):
            return given
        size = (size - 1) // param.shrink_factor + 1
        return size + (size - 1) * (param.zoom_factor - 1)

    def _cut(self, x: Array) -> Array:
        """A view less what is cut off."""
        begin, end = -self.param.interp_param.pad_beg, -self.param.interp_param.pad_end
        height, width = x.shape[2:]
        return x[:, :, begin : height - end, begin : width - end]
