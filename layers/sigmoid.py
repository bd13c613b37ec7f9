"""Sigmoid: squash each element into (0, 1)."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.layers._neuron import Neuron
from minicaffe.layers.registry import register_layer
from minicaffe.ops import elementwise as ops


@register_layer("Sigmoid")
class Sigmoid(Neuron):
    """``y = 1 / (1 + exp(-x))``, computed as ``0.5 tanh(0.5 x) + 0.5``.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``sigmoid_param``: ``engine``, a hint, and not needed.
    After: src/caffe/layers/sigmoid_layer.cpp. ``engine: CUDNN`` is accepted where there is no
    cuDNN.
    """

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        ops.sigmoid(self.xp, bottom[0].data, top[0].data)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            ops.sigmoid_grad(self.xp, top[0].data, top[0].diff, bottom[0].diff)
