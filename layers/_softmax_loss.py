"""What losses over the softmax of scores share: bottoms, tops, divisor, labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial

import numpy as np

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError
from minicaffe.layers import _loss
from minicaffe.layers.base import Arity, Layer
from minicaffe.ops.softmax import softmax_grad
from minicaffe.proto.minicaffe_pb2 import LayerParameter


def refuse_temperature(param: LayerParameter) -> None:
    """Refuse a ``temperature`` in the ``softmax_param`` of a loss, which would not heed it.

    Raises:
        LayerConfigError: there is one.
    """
    if param.softmax_param.temperature != 1:
        raise LayerConfigError(
            f"softmax_param.temperature is {param.softmax_param.temperature:g}, expected 1: it is "
            "for Softmax and TemperatureSoftmax; DistillationLoss has its own"
        )


class SoftmaxLoss(Layer):
    """A loss of each position's probabilities and its label; which one is left to the type.

    A second top, where there is one, is the softmax, and a gradient for it reaches the scores.
    """

    num_bottom = Arity(2, 2)
    num_top = Arity(1, 2)
    auto_top = True
    is_loss = True

    @abstractmethod
    def sum_losses(self, scores: Array, labels: Array, prob: Array) -> Array | int:
        """Write the softmax to ``prob``, the sum and the number of positions to ``self._total``.

        Returns:
            The flat index of the first label that is none, -1 without any.
        """

    @abstractmethod
    def grad(self, prob: Array, labels: Array, factor: Array, dx: Array) -> None:
        """Write the gradient of the sum, times ``factor``, to ``dx``."""

    def allow_force_backward(self, index: int) -> bool:
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._mode = _loss.read_normalization(self.param)
        self._ignore = _loss.read_ignore(self.param.loss_param)
        _loss.refuse_label_gradient(self.param.propagate_down)
        refuse_temperature(self.param)
        self._own_prob = Blob(self.device, dtype=self.dtype)
        self._total = self.xp.zeros(2, np.float64)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._shape = _loss.positions(bottom[0], bottom[1], self.param.softmax_param.axis)
        top[0].reshape(())
        self._prob(top).reshape(bottom[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        outer, _, inner = shape = self._shape
        prob = self._prob(top).data.reshape(shape)
        labels = bottom[1].data.reshape(outer, inner)
        bad = self.sum_losses(bottom[0].data.reshape(shape), labels, prob)
        self.check(bad, labels, partial(_loss.refuse_label, shape, self._ignore))
        self._divisor = _loss.divisor(self._mode, outer, inner, self._total[1], self.xp)
        top[0].data[...] = self._total[0] / self._divisor

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        _loss.refuse_label_gradient(propagate_down)
        if not propagate_down[0]:
            return
        outer, _, inner = shape = self._shape
        prob = self._prob(top).data.reshape(shape)
        labels = bottom[1].data.reshape(outer, inner)
        dx = bottom[0].diff.reshape(shape)
        self.grad(prob, labels, top[0].diff / self._divisor, dx)
        if len(top) == 2 and top[1].has_diff:
            self._own_prob.reshape(shape)  # not in use for prob: room for the second gradient
            through_prob = self._own_prob.data
            softmax_grad(self.xp, prob, top[1].diff.reshape(shape), through_prob)
            dx += through_prob

    def _prob(self, top: Sequence[Blob]) -> Blob:
        return top[1] if len(top) == 2 else self._own_prob
