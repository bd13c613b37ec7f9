"""ELU: what is positive passes, the rest bends off towards a floor."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.layers._kept import InputKeeper
from minicaffe.layers.registry import register_layer
from minicaffe.ops import neuron as ops


@register_layer("ELU")
class ELU(InputKeeper):
    """``y = max(x, 0) + alpha * (exp(min(x, 0)) - 1)``, of slope ``alpha`` at 0.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``elu_param``.
    After: src/caffe/layers/elu_layer.cpp (D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and
    accurate deep network learning by exponential linear units (ELUs)", 2015). In place the
    gradient is right also for a negative ``alpha``, and where a later layer works in place.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._alpha = self.param.elu_param.alpha

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self.keep(bottom)
        ops.elu(self.xp, bottom[0].data, top[0].data, self._alpha)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            ops.elu_grad(self.xp, self.input, top[0].diff, bottom[0].diff, self._alpha)
