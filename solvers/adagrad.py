"""AdaGrad: a rate for each weight, from the sum of its squared gradients."""

from __future__ import annotations

from typing import ClassVar

from minicaffe.ops import update as ops
from minicaffe.solvers.limits import ABSENT, NOT_NEGATIVE, Ranges
from minicaffe.solvers.registry import register_rule
from minicaffe.solvers.rule import Hyper, Slot, UpdateRule


@register_rule("AdaGrad")
class AdaGrad(UpdateRule):
    """``h = h + g^2``; the update is ``lr g / (sqrt(h) + delta)``.

    History: h, the sum of squared gradients. There is no ``momentum``.
    After: src/caffe/solvers/adagrad_solver.cpp; Duchi, Hazan, Singer, "Adaptive subgradient
    methods for online learning and stochastic optimization", JMLR 2011.
    """

    ranges: ClassVar[Ranges] = {"momentum": ABSENT, "delta": NOT_NEGATIVE}
    elementwise = True

    def step(self, slot: Slot, hyper: Hyper) -> None:
        w, g, (h,) = slot.blob.data, slot.blob.diff, slot.history
        (rate,) = hyper.rates(self, slot)
        everything = 1.0, 1.0
        ops.rmsprop(
            self.xp, w, g, h, hyper.scale, *self.decay(slot), rate, *everything, self.param.delta
        )
