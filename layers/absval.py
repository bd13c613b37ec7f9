"""AbsVal: what is negative turns positive."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.layers._neuron import Neuron
from minicaffe.layers.registry import register_layer


@register_layer("AbsVal")
class AbsVal(Neuron):
    """``y = |x|``, of gradient 0 at 0.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x
    Definition: nothing.
    After: src/caffe/layers/absval_layer.cpp.
    """

    works_in_place = False

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self.xp.abs(bottom[0].data, out=top[0].data)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            dx = bottom[0].diff
            self.xp.sign(bottom[0].data, out=dx)
            dx *= top[0].diff
