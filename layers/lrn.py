"""LRN: local response normalization, across channels or within each."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import lrn as ops
from minicaffe.proto.minicaffe_pb2 import LRNParameter


@register_layer("LRN")
class LRN(Layer):
    """``y = x * (k + alpha * (mean of x^2 over the window around x))^-beta``.

    The window is ``local_size`` channels (ACROSS_CHANNELS), or ``local_size`` rows and columns of
    one channel (WITHIN_CHANNEL); it counts as zero, in the mean as well, where it hangs over the
    edge. WITHIN_CHANNEL has 1 for ``k``, whatever is given.

    Shapes:
        bottom[0]  x  (N, C, H, W)
        top[0]     y  as x
    Definition: ``lrn_param``; ``engine`` is a hint, and not needed.
    After: src/caffe/layers/lrn_layer.cpp (A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet
    classification with deep convolutional neural networks", 2012). ``engine: CUDNN`` is accepted
    where there is no cuDNN, and WITHIN_CHANNEL with it gives the same numbers as without, where
    the original computes another function.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.lrn_param
        if param.local_size % 2 == 0:
            raise LayerConfigError(
                f"local_size is {param.local_size}, expected an odd number: "
                "the window is centred on its element"
            )
        within = param.norm_region == LRNParameter.WITHIN_CHANNEL
        self._window = (2, 3) if within else (1,), param.local_size, param.alpha, param.beta
        self._k = 1.0 if within else param.k

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if bottom[0].ndim != 4:
            raise ShapeError(f"bottom[0] has shape {bottom[0].shape}, expected (N, C, H, W)")
        top[0].reshape(bottom[0].shape)
        self._scale = self.device.zeros(bottom[0].shape, self.dtype)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        ops.lrn(self.xp, bottom[0].data, top[0].data, self._scale, *self._window, self._k)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            x, y, dy = bottom[0].data, top[0].data, top[0].diff
            ops.lrn_grad(self.xp, x, y, self._scale, dy, bottom[0].diff, *self._window)
