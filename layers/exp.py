"""Exp: a power of e, or of another base, for each element."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers._kept import InputKeeper
from minicaffe.layers.registry import register_layer
from minicaffe.ops import neuron as ops


@register_layer("Exp")
class Exp(InputKeeper):
    """``y = base ^ (shift + scale * x)``.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``exp_param``; ``base`` -1, the default, stands for e.
    After: src/caffe/layers/exp_layer.cpp. The exponent is added up before the power is taken, so
    that ``base ^ shift`` alone may be too large or too small for a number.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.exp_param
        log_base = log_of_base(param.base)
        self._exponent = log_base * param.scale, log_base * param.shift

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self.keep(bottom)
        ops.exponential(self.xp, bottom[0].data, top[0].data, *self._exponent)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            x, dy, dx = self.input, top[0].diff, bottom[0].diff
            ops.exponential_grad(self.xp, x, dy, dx, *self._exponent)


def log_of_base(base: float) -> float:
    """The logarithm of the ``base`` of Exp and Log; -1 stands for e.

    Raises:
        LayerConfigError: ``base`` has none.
    """
    if base == -1:
        return 1.0
    if not 0 < base < math.inf:
        raise LayerConfigError(f"base is {base:g}, expected more than 0, or -1 for e")
    return math.log(base)
