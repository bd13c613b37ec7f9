"""SGD: gradient descent with momentum."""

from __future__ import annotations

from minicaffe.ops import update as ops
from minicaffe.solvers.registry import register_rule
from minicaffe.solvers.rule import Hyper, Slot, UpdateRule


@register_rule("SGD")
class SGD(UpdateRule):
    """``v = m v + lr g``; the update is ``v``.

    History: v, the momentum. m is ``momentum``. The learning rate is inside v: when it drops,
    what v has gathered keeps its size.
    After: src/caffe/solvers/sgd_solver.cpp; Polyak, "Some methods of speeding up the convergence
    of iteration methods", 1964.
    """

    elementwise = True

    def step(self, slot: Slot, hyper: Hyper) -> None:
        w, g, (v,) = slot.blob.data, slot.blob.diff, slot.history
        (rate,) = hyper.rates(self, slot)
        ops.sgd(self.xp, w, g, v, hyper.scale, *self.decay(slot), rate, self.param.momentum)
