"""AdamW: Adam whose weight decay leaves the averages alone."""

from __future__ import annotations

from minicaffe.ops import update as ops
from minicaffe.solvers.adam import Adam
from minicaffe.solvers.registry import register_rule
from minicaffe.solvers.rule import Hyper, Slot


@register_rule("AdamW")
class AdamW(Adam):
    """``m = b1 m + (1 - b1) g``; ``v = b2 v + (1 - b2) g^2``; the update is
    ``lr m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + delta) + lr decay w``.

    History: m, the mean gradient; v, the mean of its squares. b1 is ``momentum``, 0 unless
    given; b2 is ``momentum2``. The decay is ``weight_decay`` times ``decay_mult``, on the sign of
    w where ``regularization_type`` is "L1"; lr is that of the moment, and of the parameter.
    After: not in Caffe; Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR
    2019, algorithm 2, where lr stands for both its factors alpha and eta. ``delta`` is the
    paper's epsilon: unlike Adam's it is added after the bias of v is taken out.
    """

    def step(self, slot: Slot, hyper: Hyper) -> None:
        w, g, (m, v) = slot.blob.data, slot.blob.diff, slot.history
        rate, delta, *shrink = hyper.rates(self, slot)
        betas = self.param.momentum, self.param.momentum2
        nothing = 0.0, 0.0
        ops.adam(
            self.xp,
            *(w, g, m, v),
            *(hyper.scale, *nothing, rate, *betas, delta, *shrink),
        )

    def rates(self, slot: Slot, hyper: Hyper) -> tuple[float, ...]:
        """The learning rate, less the biases; ``delta``, likewise; and the decays."""
        first, second = self.biases(hyper)
        rate = hyper.lr * slot.lr_mult
        decays = (rate * decay for decay in self.decay(slot))
        return rate * second / first, self.param.delta * second, *decays
