"""LARS: SGD whose rate suits each parameter, for large batches."""

from __future__ import annotations

from typing import ClassVar

from minicaffe.ops import update as ops
from minicaffe.solvers.limits import POSITIVE, UP_TO_ONE, Ranges
from minicaffe.solvers.registry import register_rule
from minicaffe.solvers.rule import Hyper, Slot, UpdateRule


@register_rule("LARS")
class LARS(UpdateRule):
    """``s = trust_coefficient |w| / (|g| + |decay|)``; ``v = m v + lr s (g + decay)``; the update
    is ``v``.

    History: v, the momentum. m is ``momentum``; decay is ``weight_decay w``, or that of the sign
    of w, times ``decay_mult``; |x| is the L2 norm over the whole parameter. Where w or g is all
    zero s is 1: a bias that starts at 0 takes one plain step of SGD.
    After: not in Caffe; You, Gitman, Ginsburg, "Large batch training of convolutional networks",
    2017, algorithm 1, each weight and each bias counting as a layer of its own.
    """

    ranges: ClassVar[Ranges] = {"momentum": UP_TO_ONE, "trust_coefficient": POSITIVE}

    def step(self, slot: Slot, hyper: Hyper) -> None:
        w, g, (v,) = slot.blob.data, slot.blob.diff, slot.history
        decay, trust = self.decay(slot), self.param.trust_coefficient
        ratio = ops.trust_ratio(self.xp, w, g, hyper.scale, *decay, trust)
        (rate,) = hyper.rates(self, slot)
        ops.sgd(self.xp, w, g, v, hyper.scale, *decay, rate * ratio, self.param.momentum)
