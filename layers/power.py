"""Power: scale, shift, and raise each element to a power."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.blob import Blob
from minicaffe.layers._kept import InputKeeper
from minicaffe.layers.registry import register_layer
from minicaffe.ops import neuron as ops


@register_layer("Power")
class Power(InputKeeper):
    """``y = (shift + scale * x) ^ power``; NaN for a negative number to a fraction.

    Where ``power`` or ``scale`` is 0 the input is not looked at, NaN or not: y is constant, and
    its gradient 0.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``power_param``.
    After: src/caffe/layers/power_layer.cpp, but for two gradients. Where ``shift + scale * x`` is
    0 it is what the formula gives, 0 for a power above 1; the original divides 0 by 0, unless
    ``power`` is 1 or 2. In place it is right; the original overwrites the gradient from above (with
    ``power`` 1 it gives ``scale`` squared, whatever comes in).
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.power_param
        self._scalars = param.power, param.scale, param.shift
        self._linear = param.power == 1
        self._constant = None
        if param.power * param.scale == 0:
            base = np.float64(param.shift)
            with np.errstate(all="ignore"):  # 0 ^ -1 is infinite, and any number ^ 0 is 1
                self._constant = self.dtype.type(base**param.power)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if self._constant is not None:
            top[0].data[...] = self._constant
            return
        if not self._linear:
            self.keep(bottom)
        ops.power(self.xp, bottom[0].data, top[0].data, *self._scalars)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if not propagate_down[0]:
            return
        if self._constant is not None:
            bottom[0].diff[...] = 0
        else:
            x = bottom[0].data if self._linear else self.input
            dy, dx = top[0].diff, bottom[0].diff
            ops.power_grad(self.xp, x, dy, dx, *self._scalars)
