"""ApproximateBinaryClamping: a ramp from 0 to 1 that becomes a step while it is trained."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.layers._schedule import Schedule, Scheduled, check_schedule
from minicaffe.layers.registry import register_layer
from minicaffe.ops.coarse import ramp, ramp_grad
from minicaffe.proto.minicaffe_pb2 import TRAIN


@register_layer("ApproximateBinaryClamping")
class ApproximateBinaryClamping(Scheduled):
    """``y = min(max(x / r, 0), 1)`` in TRAIN; in TEST ``y = 1`` where x is above 0, else 0.

    The width r is multiplied by ``decay`` after every ``step_size`` forwards, down to
    ``min_width``: more and more values are exactly 0 or 1, where no gradient passes. NaN stays.

    Forwards are counted, in TRAIN; with ``iter_size`` there are several in an iteration. The count
    is in snapshots.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``approximate_binary_clamping_param``.
    After: the continuation of Z. Cao, M. Long, J. Wang, P. S. Yu, "HashNet: deep learning to hash
    by continuation", 2017, with a ramp in place of tanh: most codes are exact before training ends.
    """

    origin = "paper"
    backward_reads = ("top",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.approximate_binary_clamping_param
        self._is_ramp = self.param.phase == TRAIN
        schedule = Schedule(param.width, param.decay, param.step_size, param.min_width)
        self._schedule = check_schedule(schedule, ("width", "decay", "min_width"), grows=False)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        xp, x, y = self.xp, bottom[0].data, top[0].data
        if self._is_ramp:
            self._width = self.next_number()
            ramp(xp, x, y, self._width)
        else:
            y[...] = xp.where(x > 0, 1, xp.where(x <= 0, 0, x))

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if not propagate_down[0]:
            return
        y, dy, dx = top[0].data, top[0].diff, bottom[0].diff
        if self._is_ramp:
            ramp_grad(self.xp, y, dy, dx, self._width)
        else:
            dx[...] = 0
