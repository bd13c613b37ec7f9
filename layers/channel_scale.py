"""ChannelScale: a factor for each position of each item, times all channels there."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import ShapeError
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
        bottom[1]  a  (N, 1, \\*any), or without the axis of channels (N, \\*any)
        top[0]     y  as x
    Definition: no fields.
    After: F. Wang, X. Xiang, J. Cheng, A. Yuille, "NormFace: L2 hypersphere embedding for face
    verification", 2017, and happynear's fork of Caffe. Differs: has no ``channel_scale_param``, so
    that one factor for all is a Scale with ``num_axes: 0``.
    """

    origin = "happynear"
    num_bottom = Arity(2, 2)
    backward_reads = ("bottom",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        if len(shape) < 2:
            raise ShapeError(f"bottom[0] has shape {shape}, expected (N, C, ...)")
        n, c, *rest = shape
        allowed = (n, 1, *rest), (n, *rest)
        if bottom[1].shape not in allowed:
            raise ShapeError(
                f"bottom[1] has shape {bottom[1].shape}, expected {allowed[0]} or {allowed[1]}: "
                f"a factor for each position of bottom[0], {shape}"
            )
        self._positions = n, prod(rest)
        self._shape = n, c, prod(rest)
        top[0].reshape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = (blob.data.reshape(self._shape) for blob in (bottom[0], top[0]))
        ops.channel_scale(self.xp, x, bottom[1].data.reshape(self._positions), y)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if not any(propagate_down):
            return
        dx, da = bottom[0].diff.reshape(self._shape), bottom[1].diff.reshape(self._positions)
        ops.channel_scale_grad(
            self.xp,
            bottom[0].data.reshape(self._shape),
            bottom[1].data.reshape(self._positions),
            top[0].diff.reshape(self._shape),
            dx if propagate_down[0] else None,
            da if propagate_down[1] else None,
        )
