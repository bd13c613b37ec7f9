"""ChannelScale: a factor for each position of each item, times all channels there."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import channel_scale as ops


@register_layer("ChannelScale")
class ChannelScale(Layer):
    """``y[n, c, s] = a[n, s] x[n, c, s]``: vectors of channels made longer or shorter.

    Of normalized features with their old lengths as a, it makes what they were; of a mask as a, it
    shows what the mask leaves.

    Shapes:
        bottom[0]  x  (N, C, \\*any)
        bottom[1]  a  (N, 1, \\*any) or (N, \\*any), or as many numbers for each item, (N, ...)
        top[0]     y  as x
    Definition: ``channel_scale_param``: without ``do_forward`` y is x; without
    ``do_backward_feature`` the gradient for x is that for y; without ``do_backward_scale`` that for
    a is 0.
    After: F. Wang, X. Xiang, J. Cheng, A. Yuille, "NormFace: L2 hypersphere embedding for face
    verification", 2017, and happynear's fork of Caffe. Differs: ``global_scale`` is refused; one
    learned factor for all is a Scale with ``num_axes: 0``.
    """

    origin = "happynear"
    num_bottom = Arity(2, 2)
    backward_reads = ("bottom",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if self.param.channel_scale_param.global_scale:
            raise LayerConfigError(
                "global_scale is true, expected false: one factor for all is a Scale layer with "
                "num_axes: 0"
            )

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        if len(shape) < 2:
            raise ShapeError(f"bottom[0] has shape {shape}, expected (N, C, ...)")
        n, c, *rest = shape
        if bottom[1].shape[:1] != (n,) or bottom[1].count != n * prod(rest):
            raise ShapeError(
                f"bottom[1] has shape {bottom[1].shape}, expected {(n, 1, *rest)} or {(n, *rest)}: "
                f"a factor for each position of bottom[0], {shape}"
            )
        self._positions = n, prod(rest)
        self._shape = n, c, prod(rest)
        top[0].reshape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = (blob.data.reshape(self._shape) for blob in (bottom[0], top[0]))
        if not self.param.channel_scale_param.do_forward:
            y[...] = x
            return
        ops.channel_scale(self.xp, x, bottom[1].data.reshape(self._positions), y)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        param = self.param.channel_scale_param
        if propagate_down[0] and not param.do_backward_feature:
            bottom[0].diff[...] = top[0].diff
        if propagate_down[1] and not param.do_backward_scale:
            bottom[1].diff[...] = 0
        wants_x = propagate_down[0] and param.do_backward_feature
        wants_a = propagate_down[1] and param.do_backward_scale
        if not (wants_x or wants_a):
            return
        dx, da = bottom[0].diff.reshape(self._shape), bottom[1].diff.reshape(self._positions)
        ops.channel_scale_grad(
            self.xp,
            bottom[0].data.reshape(self._shape),
            bottom[1].data.reshape(self._positions),
            top[0].diff.reshape(self._shape),
            dx if wants_x else None,
            da if wants_a else None,
        )
