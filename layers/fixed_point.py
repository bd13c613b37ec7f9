"""FixedPoint: values as they are in arithmetic with few bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers._neuron import Neuron
from minicaffe.layers.registry import register_layer
from minicaffe.ops.coarse import fixed_point


@register_layer("FixedPoint")
class FixedPoint(Neuron):
    """``y = step round(min(max(x / step, -m), m))``, step = 2 ** (integer_bits - bits) and
    m = 2 ** bits - 1.

    Halves are rounded away from 0. A gradient passes as it is where x is from -m step to m step,
    and nowhere else. 1.25 becomes 1.25 at 3 bits and 1 integer bit, 0.875 at <3, 0>, 1.5 at
    <3, 2>. NaN stays.

    The sign has a bit of its own: there are 2 m + 1 values, one bit more than ``bits`` can tell
    apart.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``fixed_point_param``.
    After: M. Courbariaux, Y. Bengio, J.-P. David, "Training deep neural networks with low
    precision multiplications", 2015; the gradient: Y. Bengio, N. Léonard, A. Courville,
    "Estimating or propagating gradients through stochastic neurons for conditional computation",
    2013.
    """

    origin = "paper"
    backward_reads = ()

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.fixed_point_param
        most = int(np.finfo(self.dtype).nmant) + 1
        if not 1 <= param.bits <= most:
            raise LayerConfigError(
                f"bits is {param.bits}, expected 1..{most}: {self.dtype} holds no more exactly"
            )
        if param.integer_bits > param.bits:
            raise LayerConfigError(
                f"integer_bits is {param.integer_bits}, expected 0..{param.bits}: they are some of "
                f"the {param.bits} bits"
            )
        self._step = 2.0 ** (int(param.integer_bits) - int(param.bits))
        self._most = 2.0**param.bits - 1

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().reshape(bottom, top)
        self._mask = self.xp.zeros(bottom[0].shape, "uint8")

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = bottom[0].data, top[0].data
        fixed_point(self.xp, x, y, self._mask, self._step, self._most)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            self.xp.multiply(top[0].diff, self._mask, out=bottom[0].diff)
