"""A convolution and the BatchNorm and Scale behind it, as they run once trained: one convolution.

With stored mean and deviation the two only multiply and add by channel, so that the filters and
the bias can do it: the result is never passed over again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from minicaffe.backward import Step
from minicaffe.fusion.base import Fusion, in_place, register_fusion, types
from minicaffe.layers.batch_norm import BatchNorm
from minicaffe.layers.convolution import Convolution
from minicaffe.layers.relu import ReLU
from minicaffe.layers.scale import Scale

_WORTH = 2  # results a weight: with fewer, to change the weights costs more than it saves


@register_fusion
class ConvolutionNorm(Fusion):
    """``y = max(0, (slope w) * x + slope (bias - mean) + offset)``, ``slope = factor / std``.

    Or the same without the maximum. The weights are multiplied anew each time, since anybody may
    change them in between; where they are many for few results the layers run one by one. Forward
    alone: nothing behind may want a gradient of it.
    """

    @classmethod
    def matches(cls, steps: Sequence[Step]) -> int:
        if not types(steps, "Convolution", "BatchNorm", "Scale") or not in_place(steps[:3]):
            return 0
        conv, norm, scale = (step.layer for step in steps[:3])
        if not isinstance(conv, Convolution) or not isinstance(norm, BatchNorm):
            return 0
        if not isinstance(scale, Scale) or not scale.is_by_channel or not norm.uses_stored:
            return 0
        top = steps[0].top[0]
        by_channel = top.ndim > 1 and top.shape[1] == len(conv.blobs[0].data)
        if not by_channel or top.count < _WORTH * conv.blobs[0].count:
            return 0
        count = 3
        if types(steps[3:], "ReLU") and in_place(steps[2:4]):
            relu = steps[3].layer
            count += isinstance(relu, ReLU) and relu.slope == 0
        return 0 if any(step.needs_backward for step in steps[:count]) else count

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__(steps)
        self._conv = cast(Convolution, steps[0].layer)
        self._norm, self._scale = cast(BatchNorm, steps[1].layer), cast(Scale, steps[2].layer)
        self._relu = len(steps) == 4

    def run(self) -> None:
        conv, norm = self._conv, self._norm
        norm.load_stored()
        factor, offset = self._scale.factor_and_offset()
        slope = factor / norm.std
        w, *bias = (blob.data for blob in conv.blobs)
        weights = w * slope.reshape(-1, *[1] * (w.ndim - 1))
        shift = offset + slope * (bias[0] - norm.mean if bias else -norm.mean)
        step = self.steps[0]
        conv.forward_as(step.bottom[0], step.top[0], weights, shift, self._relu)
