"""Flatten: make one axis of several."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer


@register_layer("Flatten")
class Flatten(Layer):
    """The same values in the same order, in fewer axes.

    Shapes, for a first and a last axis a and b:
        bottom[0]  x  (d_0, ..., d_n)
        top[0]     y  (d_0, ..., d_a * ... * d_b, ..., d_n); shares the data and the diff of x,
                      and may not be bottom[0] itself
    Definition: ``flatten_param``. a is ``axis``, b is ``end_axis``; both may be negative.
    After: src/caffe/layers/flatten_layer.cpp.
    """

    backward_reads = ()

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param, shape = self.param.flatten_param, bottom[0].shape
        first = bottom[0].canonical_axis(param.axis)
        last = bottom[0].canonical_axis(param.end_axis)
        if first > last:
            raise LayerConfigError(
                f"axis is {param.axis} and end_axis is {param.end_axis}, expected axis not to "
                f"come after end_axis: bottom[0] has shape {shape}"
            )
        flat = prod(shape[first : last + 1])
        top[0].reshape((*shape[:first], flat, *shape[last + 1 :]))
        top[0].share_data(bottom[0])
        top[0].share_diff(bottom[0])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        return
