"""Parameter: a learned blob as a top."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.fillers import constant
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer


@register_layer("Parameter")
class Parameter(Layer):
    """``y = w``, for layers that take their weights as a bottom.

    Shapes:
        top[0]  y  as w
    Blobs:
        [0]  w  ``shape``, () if unset; starts at 0
    Definition: ``parameter_param``.
    After: src/caffe/layers/parameter_layer.cpp. Differs: y is a copy of w, and its gradient is
    added to that of w. There both are the same memory, so that of the passes of an ``iter_size``
    only the last counts, and a layer that works in place on y changes w.
    """

    num_bottom = Arity(0, 0)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self.add_param(self.param.parameter_param.shape.dim, constant(0))

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        top[0].reshape(self.blobs[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        top[0].data[...] = self.blobs[0].data

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if self.param_propagate_down[0]:
            w = self.blobs[0]
            w.diff[...] += top[0].diff
