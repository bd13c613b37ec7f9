"""BinaryActivation: -1 or 1, learned all the same."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.layers._schedule import Schedule, Scheduled, check_schedule
from minicaffe.layers.registry import register_layer
from minicaffe.ops.coarse import sign
from minicaffe.ops.elementwise import tanh, tanh_grad
from minicaffe.proto.minicaffe_pb2 import TRAIN, BinaryActivationParameter


@register_layer("BinaryActivation")
class BinaryActivation(Scheduled):
    """``y = 1`` where x is at least 0, else -1; what TANH learns is ``tanh(alpha x)``.

    TANH: in TRAIN, alpha is multiplied by ``growth`` after every ``step_size`` forwards, up to
    ``max_alpha``, so that what is learned comes nearer and nearer to the sign; in TEST it is the
    sign, which has no gradient. SIGN: the sign in both phases; a gradient passes as it is where
    ``|x| <= 1``, and nowhere else. NaN stays.

    Forwards are counted, in TRAIN; with ``iter_size`` there are several in an iteration. The count
    is in snapshots.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``binary_activation_param``.
    After: Z. Cao, M. Long, J. Wang, P. S. Yu, "HashNet: deep learning to hash by continuation",
    2017; I. Hubara, M. Courbariaux, D. Soudry, R. El-Yaniv, Y. Bengio, "Binarized neural
    networks", 2016.
    """

    origin = "paper"
    backward_reads = ("top",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.binary_activation_param
        self._passes = param.method == BinaryActivationParameter.SIGN
        self._is_smooth = not self._passes and self.param.phase == TRAIN
        schedule = Schedule(param.alpha, param.growth, param.step_size, param.max_alpha)
        names = "alpha", "growth", "max_alpha"
        self._schedule = check_schedule(schedule, names, grows=True)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().reshape(bottom, top)
        if not self._is_smooth:
            self._mask = self.xp.zeros(bottom[0].shape, "uint8")

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        xp, x, y = self.xp, bottom[0].data, top[0].data
        if self._is_smooth:
            self._alpha = self.next_number()
            xp.multiply(x, self._alpha, out=y)
            tanh(xp, y, y)
        else:
            sign(xp, x, y, self._mask)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if not propagate_down[0]:
            return
        dy, dx = top[0].diff, bottom[0].diff
        if self._is_smooth:
            tanh_grad(self.xp, top[0].data, dy, dx)
            dx *= self._alpha
        elif self._passes:
            self.xp.multiply(dy, self._mask, out=dx)
        else:
            dx[...] = 0
