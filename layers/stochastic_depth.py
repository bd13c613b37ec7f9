"""StochasticDepth: in training, leave a branch out at random."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError
from minicaffe.layers._neuron import Neuron
from minicaffe.layers.registry import register_layer
from minicaffe.ops.dropout import dropout, keep_or_drop
from minicaffe.proto.minicaffe_pb2 import TRAIN


@register_layer("StochasticDepth")
class StochasticDepth(Neuron):
    """``y = x`` with probability p, else ``y = 0``, in TRAIN; ``y = p x`` in TEST.

    It is drawn once for the whole batch. The bottom is the residual branch of a block, and an
    Eltwise SUM with the shortcut follows: a block whose branch is left out is the identity, and its
    parameters get a gradient of 0. The paper has p fall from block to block, from 1 at the data to
    0.5 at the last.

    A forward in TRAIN draws 64 bits from the device's generator.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``stochastic_depth_param``; p is ``survival``.
    After: G. Huang, Y. Sun, Z. Liu, D. Sedra, K. Weinberger, "Deep networks with stochastic
    depth", 2016. Differs: what is left out is computed before it is thrown away, as a layer can
    do no other.
    """

    origin = "paper"
    backward_reads = ()

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._survival = self.param.stochastic_depth_param.survival
        if not 0 < self._survival <= 1:
            raise LayerConfigError(
                f"survival is {self._survival:g}, expected 0 < survival <= 1: the probability "
                "that the branch is there"
            )
        self._draws = self.param.phase == TRAIN
        self._one, self._factor = (self.device.zeros(1, self.dtype) for _ in range(2))
        self._one[...] = 1
        self._is_there = self.xp.zeros(1, "uint8")

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if self._draws:
            key = self.device.random_key()
            arrays = self._one, self._factor, self._is_there
            dropout(self.xp, *arrays, 1 - self._survival, key, 1.0)
        self._pass(bottom[0].data, top[0].data)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            self._pass(top[0].diff, bottom[0].diff)

    def _pass(self, x: Array, y: Array) -> None:
        if self._draws:
            keep_or_drop(self.xp, x, y, self._is_there)
        else:
            self.xp.multiply(x, self._survival, out=y)
