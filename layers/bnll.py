"""BNLL: a smooth ReLU, also known as softplus."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.layers._kept import InputKeeper
from minicaffe.layers.registry import register_layer
from minicaffe.ops import neuron as ops


@register_layer("BNLL")
class BNLL(InputKeeper):
    """``y = log(1 + exp(x))``, the binomial normal log likelihood.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: nothing.
    After: src/caffe/layers/bnll_layer.cpp. In place the gradient is right, where the original
    takes it at the output.
    """

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self.keep(bottom)
        ops.bnll(self.xp, bottom[0].data, top[0].data)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            ops.bnll_grad(self.xp, self.input, top[0].diff, bottom[0].diff)
