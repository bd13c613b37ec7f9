"""AdaDelta: steps as long as those before, whatever the unit of the gradient."""

from __future__ import annotations

from typing import ClassVar

from minicaffe.ops import update as ops
from minicaffe.solvers.limits import BELOW_ONE, NOT_NEGATIVE, Ranges
from minicaffe.solvers.registry import register_rule
from minicaffe.solvers.rule import Hyper, Slot, UpdateRule


@register_rule("AdaDelta")
class AdaDelta(UpdateRule):
    """``h = m h + (1 - m) g^2``; ``d = g sqrt((u + delta) / (h + delta))``;
    ``u = m u + (1 - m) d^2``; the update is ``lr d``.

    History: h, the mean of squared gradients; u, that of squared steps. m is ``momentum``;
    ``base_lr`` is 1 in the paper, and ``delta`` 1e-6: it decides how long the first steps are.
    After: src/caffe/solvers/adadelta_solver.cpp; Zeiler, "ADADELTA: an adaptive learning rate
    method", 2012.
    """

    num_history = 2
    ranges: ClassVar[Ranges] = {"momentum": BELOW_ONE, "delta": NOT_NEGATIVE}
    usual_momentum = 0.95
    elementwise = True

    def step(self, slot: Slot, hyper: Hyper) -> None:
        w, g, (h, u) = slot.blob.data, slot.blob.diff, slot.history
        (rate,), keep = hyper.rates(self, slot), self.param.momentum
        ops.adadelta(
            self.xp, w, g, h, u, hyper.scale, *self.decay(slot), rate, keep, self.param.delta
        )
