"""Adam: momentum, and a rate for each weight, both without the bias of a start at zero."""

from __future__ import annotations

from math import sqrt
from typing import ClassVar

from minicaffe.ops import update as ops
from minicaffe.solvers.limits import BELOW_ONE, NOT_NEGATIVE, Ranges
from minicaffe.solvers.registry import register_rule
from minicaffe.solvers.rule import Hyper, Slot, UpdateRule


@register_rule("Adam")
class Adam(UpdateRule):
    """``m = b1 m + (1 - b1) g``; ``v = b2 v + (1 - b2) g^2``; the update is
    ``lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + delta)``.

    History: m, the mean gradient; v, the mean of its squares. b1 is ``momentum``, 0 unless
    given; b2 is ``momentum2``; t counts iterations from 1, also those before a resume. Weight
    decay is part of g: see AdamW. Next to other libraries' eps, ``delta`` is larger in effect by
    ``1 / sqrt(1 - b2^t)``: it is added before the bias of v is taken out.
    After: src/caffe/solvers/adam_solver.cpp; Kingma and Ba, "Adam: a method for stochastic
    optimization", ICLR 2015, in the form at the end of its section 2.
    """

    num_history = 2
    ranges: ClassVar[Ranges] = {
        "momentum": BELOW_ONE,
        "momentum2": BELOW_ONE,
        "delta": NOT_NEGATIVE,
    }
    usual_momentum = 0.9
    elementwise = True

    def step(self, slot: Slot, hyper: Hyper) -> None:
        w, g, (m, v) = slot.blob.data, slot.blob.diff, slot.history
        (rate,) = hyper.rates(self, slot)
        betas = self.param.momentum, self.param.momentum2
        nothing = 0.0, 0.0
        ops.adam(
            self.xp,
            *(w, g, m, v),
            *(hyper.scale, *self.decay(slot), rate, *betas, self.param.delta),
            *nothing,
        )

    def rates(self, slot: Slot, hyper: Hyper) -> tuple[float, ...]:
        """The learning rate, less the biases."""
        first, second = self.biases(hyper)
        return (hyper.lr * slot.lr_mult * second / first,)

    def biases(self, hyper: Hyper) -> tuple[float, float]:
        """Which shares of their final size m and sqrt(v) have reached under a steady gradient."""
        t = hyper.iteration + 1
        return 1 - self.param.momentum**t, sqrt(1 - self.param.momentum2**t)
