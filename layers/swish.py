"""Swish: each element times its sigmoid."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.layers._kept import InputKeeper
from minicaffe.layers.registry import register_layer
from minicaffe.ops import neuron as ops


@register_layer("Swish")
class Swish(InputKeeper):
    """``y = x / (1 + exp(-beta * x))``; with ``beta`` 1 also known as SiLU.

    At an infinite ``x`` whose sigmoid is 0, ``y`` is NaN, and so is every gradient there.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``swish_param``.
    After: src/caffe/layers/swish_layer.cpp (P. Ramachandran, B. Zoph, Q. Le, "Searching for
    activation functions", 2017).
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._beta = self.param.swish_param.beta

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self.keep(bottom)
        ops.swish(self.xp, bottom[0].data, top[0].data, self._beta)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            ops.swish_grad(self.xp, self.input, top[0].diff, bottom[0].diff, self._beta)
