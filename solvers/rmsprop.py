"""RMSProp: a rate for each weight, from the mean of its squared gradients of late."""

from __future__ import annotations

from typing import ClassVar

from minicaffe.ops import update as ops
from minicaffe.solvers.limits import ABSENT, BELOW_ONE, NOT_NEGATIVE, Ranges
from minicaffe.solvers.registry import register_rule
from minicaffe.solvers.rule import Hyper, Slot, UpdateRule


@register_rule("RMSProp")
class RMSProp(UpdateRule):
    """``h = r h + (1 - r) g^2``; the update is ``lr g / (sqrt(h) + delta)``.

    History: h, the mean of squared gradients. r is ``rms_decay``; there is no ``momentum``.
    After: src/caffe/solvers/rmsprop_solver.cpp; Tieleman and Hinton, "Lecture 6.5: rmsprop",
    COURSERA: Neural networks for machine learning, 2012.
    """

    ranges: ClassVar[Ranges] = {"momentum": ABSENT, "rms_decay": BELOW_ONE, "delta": NOT_NEGATIVE}
    elementwise = True

    def step(self, slot: Slot, hyper: Hyper) -> None:
        w, g, (h,) = slot.blob.data, slot.blob.diff, slot.history
        (rate,), keep = hyper.rates(self, slot), self.param.rms_decay
        averages = keep, 1 - keep
        ops.rmsprop(
            self.xp, w, g, h, hyper.scale, *self.decay(slot), rate, *averages, self.param.delta
        )
