"""Log: a logarithm, to base e or another, of each element."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers._kept import InputKeeper
from minicaffe.layers.exp import log_of_base
from minicaffe.layers.registry import register_layer
from minicaffe.ops import neuron as ops


@register_layer("Log")
class Log(InputKeeper):
    """``y = log(shift + scale * x) / log(base)``: infinite at log(0), NaN below.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``log_param``; ``base`` -1, the default, stands for e.
    After: src/caffe/layers/log_layer.cpp. In place the gradient is right, where the original
    takes it at the output, and of its own reciprocal in place of the one from above.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.log_param
        log_base = log_of_base(param.base)
        if not log_base:
            raise LayerConfigError("base is 1, expected another: every power of 1 is 1")
        self._scalars = param.scale, param.shift, 1 / log_base

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self.keep(bottom)
        ops.logarithm(self.xp, bottom[0].data, top[0].data, *self._scalars)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            x, dy, dx = self.input, top[0].diff, bottom[0].diff
            ops.logarithm_grad(self.xp, x, dy, dx, *self._scalars)
