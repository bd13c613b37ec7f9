"""Softmax: probabilities from scores."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import ShapeError
from minicaffe.layers._temperature import read_temperature
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.softmax import softmax, softmax_grad


@register_layer("Softmax")
class Softmax(Layer):
    """``y = exp(x / temperature) / sum(exp(x / temperature))``, the sum along one axis.

    A temperature above 1 brings what comes out nearer together, one below 1 further apart.

    Shapes:
        bottom[0]  x  any, with at least one element along the axis
        top[0]     y  as x; may be bottom[0] itself
    Definition: ``softmax_param``. ``axis`` may be negative; ``engine`` is a hint, and not needed.
    After: src/caffe/layers/softmax_layer.cpp. ``temperature``, 1 unless given, is not Caffe's:
    G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", 2015.
    """

    works_in_place = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._scale = 1 / read_temperature(self.param.softmax_param)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        axis = bottom[0].canonical_axis(self.param.softmax_param.axis)
        if not shape[axis]:
            raise ShapeError(f"bottom[0] has shape {shape}, expected a class along axis {axis}")
        self._shape = prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])
        top[0].reshape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = (blob.data.reshape(self._shape) for blob in (bottom[0], top[0]))
        if self._scale != 1:
            x = self.xp.multiply(x, self._scale, out=y)
        softmax(self.xp, x, y)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            arrays = (top[0].data, top[0].diff, bottom[0].diff)
            softmax_grad(self.xp, *(array.reshape(self._shape) for array in arrays))
            if self._scale != 1:
                bottom[0].diff[...] *= self._scale
