"""Split: let several layers read one blob; the net inserts it, definitions need not."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.eltwise import weighted_sum


@register_layer("Split")
class Split(Layer):
    """``y_i = x``; the gradient for x is the sum of those for the y_i.

    Shapes:
        bottom[0]  x    any
        top[i]     y_i  as x; shares its data, and may not be bottom[0] itself
    Definition: no fields.
    After: src/caffe/layers/split_layer.cpp.
    """

    num_top = Arity(1, None)
    backward_reads = ()

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        for blob in top:
            blob.reshape(bottom[0].shape)
            blob.share_data(bottom[0])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            diffs = [blob.diff for blob in top]
            weighted_sum(self.xp, diffs, [1.0] * len(top), bottom[0].diff)
