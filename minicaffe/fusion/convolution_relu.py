"""A convolution and the ReLU behind it, whose results are cut off before they leave the cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from minicaffe.backward import Step
from minicaffe.fusion.base import Fusion, in_place, register_fusion, types
from minicaffe.layers.convolution import Convolution
from minicaffe.layers.relu import ReLU


@register_fusion
class ConvolutionReLU(Fusion):
    """``y = max(0, w * x + bias)``; backward each by itself, which measurement found no slower."""

    @classmethod
    def matches(cls, steps: Sequence[Step]) -> int:
        if not types(steps, "Convolution", "ReLU") or not in_place(steps[:2]):
            return 0
        conv, relu = steps[0].layer, steps[1].layer
        fits = isinstance(conv, Convolution) and isinstance(relu, ReLU) and relu.slope == 0
        return 2 if fits else 0

    def run(self) -> None:
        step = self.steps[0]
        conv = cast(Convolution, step.layer)
        w, *bias = (blob.data for blob in conv.blobs)
        conv.forward_as(step.bottom[0], step.top[0], w, bias[0] if bias else None, relu=True)
