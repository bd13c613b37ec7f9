"""TemperatureSoftmax: Softmax by the name that says what it is used for."""

from __future__ import annotations

from minicaffe.layers.registry import register_layer
from minicaffe.layers.softmax import Softmax


@register_layer("TemperatureSoftmax")
class TemperatureSoftmax(Softmax):
    """As Softmax: ``y = exp(x / temperature) / sum(exp(x / temperature))``.

    Shapes:
        bottom[0]  x  any, with at least one element along the axis
        top[0]     y  as x; may be bottom[0] itself
    Definition: ``softmax_param``, with its ``temperature``.
    After: G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", 2015.
    """

    origin = "paper"
