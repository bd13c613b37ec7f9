"""Threshold: whether each element is above a number."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers._neuron import Neuron
from minicaffe.layers.registry import register_layer


@register_layer("Threshold")
class Threshold(Neuron):
    """``y = 1`` where ``x > threshold``, else 0, so also for NaN. It has no gradient.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``threshold_param``.
    After: src/caffe/layers/threshold_layer.cpp. ``force_backward`` goes past this layer, where
    the original aborts.
    """

    def allow_force_backward(self, index: int) -> bool:
        return False

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._threshold = self.param.threshold_param.threshold
        _refuse_gradient(self.param.propagate_down)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        top[0].data[...] = bottom[0].data > self._threshold

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        _refuse_gradient(propagate_down)


def _refuse_gradient(propagate_down: Sequence[bool]) -> None:
    if any(propagate_down):
        raise LayerConfigError(
            "propagate_down[0] is true, expected false: a threshold has no gradient; where the "
            "layers before it are not to learn from it, write propagate_down: false"
        )
