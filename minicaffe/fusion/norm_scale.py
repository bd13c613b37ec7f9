"""BatchNorm and Scale, and ReLU where it follows, in one pass over the data less than ten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from minicaffe.backward import Step
from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.fusion.base import Fusion, in_place, register_fusion, types
from minicaffe.layers._weights import wanted_diff
from minicaffe.layers.batch_norm import BatchNorm
from minicaffe.layers.relu import ReLU
from minicaffe.layers.scale import Scale
from minicaffe.ops import norm_scale as ops
from minicaffe.ops.batch_norm import normalize


@register_fusion
class NormScale(Fusion):
    """``y = max(0, factor (x - mean) / std + offset)``, or the same without the maximum.

    For a Scale that learns a factor, and maybe an offset, of each channel. With stored mean and
    deviation it runs forward alone as one.
    """

    @classmethod
    def matches(cls, steps: Sequence[Step]) -> int:
        if not types(steps, "BatchNorm", "Scale") or not in_place(steps[:2]):
            return 0
        first, norm, scale = steps[0], steps[0].layer, steps[1].layer
        if not isinstance(norm, BatchNorm) or not isinstance(scale, Scale):
            return 0
        if norm.learns or not scale.is_by_channel or (norm.uses_stored and steps[1].needs_backward):
            return 0  # no gradient can be had through a ReLU that nobody remembers the input of
        if first.top[0] is first.bottom[0] and not norm.uses_stored:
            return 0
        if types(steps, "BatchNorm", "Scale", "ReLU") and in_place(steps[:3]):
            relu = steps[2].layer
            return 3 if isinstance(relu, ReLU) and relu.slope == 0 else 2
        return 2

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__(steps)
        self._bottom, self._top = steps[0].bottom[0], steps[0].top[0]
        self._norm, self._scale = cast(BatchNorm, steps[0].layer), cast(Scale, steps[1].layer)
        self._relu = len(steps) == 3

    def run(self) -> None:
        norm, xp = self._norm, self._norm.xp
        x, y = self._rows(self._bottom.data), self._rows(self._top.data)
        factor, offset = self._scale.factor_and_offset()
        if norm.uses_stored:
            norm.load_stored()
            slope = factor / norm.std
            ops.affine(xp, x, y, slope, offset - norm.mean * slope, self._relu)
            return
        moments = norm.mean, norm.variance, norm.std
        ops.norm_scale(xp, x, y, factor, offset, *moments, norm.eps, self._relu)
        norm.store()

    def run_back(self) -> None:
        norm, scale = self._norm, self._scale
        ops.norm_scale_grad(
            norm.xp,
            self._rows(self._bottom.data),
            self._rows(self._top.diff),
            self._rows(self._bottom.diff) if self.steps[0].propagate_down[0] else None,
            *scale.factor_and_offset(),
            norm.mean,
            norm.std,
            wanted_diff(scale, 0),
            wanted_diff(scale, 1),
            self._relu,
        )

    def read_backward(self) -> Iterator[Blob]:
        if self.needs_backward:
            yield self._bottom  # what ReLU lets through is computed anew

    def keep(self) -> None:
        norm = self._norm
        if not norm.uses_stored:
            z = self._scale.kept().reshape(norm.rows)
            normalize(norm.xp, self._rows(self._bottom.data), z, norm.mean, norm.std)

    def _rows(self, array: Array) -> Array:
        return array.reshape(self._norm.rows)
