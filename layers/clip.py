"""Clip: what is outside a range moves to its nearer end."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers._kept import InputKeeper
from minicaffe.layers.registry import register_layer
from minicaffe.ops import neuron as ops


@register_layer("Clip")
class Clip(InputKeeper):
    """``y = max(min, min(x, max))``; both ends pass the gradient, what is outside does not.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``clip_param``: ``min`` and ``max``, both to be given; may be infinite.
    After: src/caffe/layers/clip_layer.cpp. Without ``clip_param`` the original gives zeros, and
    ``min`` everywhere where that is above ``max``: both are refused. In place the gradient is
    right, where the original passes all of it. NaN stays NaN, where the original makes it
    ``min`` (on the CPU) or ``max`` (on the GPU).
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.clip_param
        for field in ("min", "max"):
            if not param.HasField(field):
                raise LayerConfigError(
                    f"clip_param {field} is missing, expected min and max: without them all is 0"
                )
        self._range = param.min, param.max
        if not param.min <= param.max:
            raise LayerConfigError(
                f"min is {param.min:g} and max is {param.max:g}, expected min <= max"
            )

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self.keep(bottom)
        ops.clip(self.xp, bottom[0].data, top[0].data, *self._range)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            ops.clip_grad(self.xp, self.input, top[0].diff, bottom[0].diff, *self._range)
