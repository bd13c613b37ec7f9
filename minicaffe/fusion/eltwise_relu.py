"""The sum of two blobs and the ReLU of it, as shortcuts end, in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from minicaffe.backward import Step
from minicaffe.fusion.base import Fusion, in_place, register_fusion, types
from minicaffe.layers.eltwise import Eltwise
from minicaffe.layers.relu import ReLU
from minicaffe.ops import eltwise as ops


@register_fusion
class EltwiseReLU(Fusion):
    """``y = max(0, u a + v b)``."""

    @classmethod
    def matches(cls, steps: Sequence[Step]) -> int:
        if not types(steps, "Eltwise", "ReLU") or not in_place(steps[:2]):
            return 0
        eltwise, relu = steps[0].layer, steps[1].layer
        fits = isinstance(eltwise, Eltwise) and eltwise.is_sum and len(steps[0].bottom) == 2
        return 2 if fits and isinstance(relu, ReLU) and relu.slope == 0 else 0

    def run(self) -> None:
        step = self.steps[0]
        layer = cast(Eltwise, step.layer)
        ops.sum_relu(layer.xp, *(b.data for b in step.bottom), *layer.weights, step.top[0].data)

    def run_back(self) -> None:
        step = self.steps[0]
        layer, top = cast(Eltwise, step.layer), step.top[0]
        wanted = [
            blob.diff if down else None
            for blob, down in zip(step.bottom, step.propagate_down, strict=True)
        ]
        ops.sum_relu_grad(layer.xp, top.data, top.diff, *layer.weights, *wanted)
