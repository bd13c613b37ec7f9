"""PReLU: a ReLU that learns how much of what is negative passes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe import fillers
from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import ShapeError
from minicaffe.layers._kept import InputKeeper
from minicaffe.layers.registry import register_layer
from minicaffe.ops import prelu as ops


@register_layer("PReLU")
class PReLU(InputKeeper):
    """``y = max(x, 0) + a * min(x, 0)``, ``a`` that of the element's channel.

    Shapes:
        bottom[0]  x  (N, C, ...), of two axes or more
        top[0]     y  as x; may be x itself
    Blobs:
        blobs[0]   a  (C,), or () where ``channel_shared``
    Definition: ``prelu_param``; without a ``filler``, ``a`` starts at 0.25.
    After: src/caffe/layers/prelu_layer.cpp (K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into
    rectifiers: surpassing human-level performance on ImageNet classification", 2015).
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.prelu_param
        _check_axes(bottom[0])
        filler = param.filler if param.HasField("filler") else fillers.constant(0.25)
        self.add_param(() if param.channel_shared else bottom[0].shape[1:2], filler)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        _check_axes(bottom[0])
        shape = bottom[0].shape
        if not self.param.prelu_param.channel_shared and self.blobs[0].shape != shape[1:2]:
            raise ShapeError(
                f"bottom[0] has shape {shape}, expected {self.blobs[0].count} channel(s): "
                "each has a slope, made when the layer was set up"
            )
        super().reshape(bottom, top)
        self._view = shape[0], shape[1], prod(shape[2:])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self.keep(bottom)
        x, y = bottom[0].data.reshape(self._view), top[0].data.reshape(self._view)
        ops.prelu(self.xp, x, self._slopes, y)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        x, dy = self.input.reshape(self._view), top[0].diff.reshape(self._view)
        if self.param_propagate_down[0]:  # first: in place, dx overwrites dy
            ops.prelu_slopes_grad(self.xp, x, dy, self.blobs[0].diff.reshape(-1))
        if propagate_down[0]:
            dx = bottom[0].diff.reshape(self._view)
            ops.prelu_grad(self.xp, x, self._slopes, dy, dx)

    @property
    def _slopes(self) -> Array:
        return self.blobs[0].data.reshape(-1)


def _check_axes(bottom: Blob) -> None:
    if bottom.ndim < 2:
        raise ShapeError(f"bottom[0] has shape {bottom.shape}, expected (N, C, ...)")
