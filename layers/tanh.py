"""TanH: squash each element into (-1, 1)."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.layers._neuron import Neuron
from minicaffe.layers.registry import register_layer
from minicaffe.ops import elementwise as ops


@register_layer("TanH")
class TanH(Neuron):
    """``y = tanh(x)``.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``tanh_param``: ``engine``, a hint, and not needed.
    After: src/caffe/layers/tanh_layer.cpp. ``engine: CUDNN`` is accepted where there is no
    cuDNN.
    """

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        ops.tanh(self.xp, bottom[0].data, top[0].data)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            ops.tanh_grad(self.xp, top[0].data, top[0].diff, bottom[0].diff)
