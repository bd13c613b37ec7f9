"""Silence: take blobs that nobody else wants, so that they are no outputs of the net."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer


@register_layer("Silence")
class Silence(Layer):
    """Nothing; the gradient for each bottom is 0.

    Shapes:
        bottom[i]  any
    Definition: no fields.
    After: src/caffe/layers/silence_layer.cpp.
    """

    num_bottom = Arity(1, None)
    num_top = Arity(0, 0)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        for blob, wanted in zip(bottom, propagate_down, strict=True):
            if wanted:
                blob.diff[...] = 0
