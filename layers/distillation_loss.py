"""DistillationLoss: a student learns what a teacher is unsure about."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod

import numpy as np

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers import _loss
from minicaffe.layers._softmax_loss import refuse_temperature
from minicaffe.layers._temperature import read_temperature
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.softmax import LEAST, softmax, softmax_loss, softmax_loss_grad
from minicaffe.proto.minicaffe_pb2 import LossParameter


@register_layer("DistillationLoss")
class DistillationLoss(Layer):
    """``loss = soft_weight T^2 H(softmax(z / T), softmax(x / T)) + (1 - soft_weight) hard``.

    H(t, p) is ``-sum(t log(max(p, 2 ** -126))) / divisor``, over classes and positions, T the
    ``temperature``; hard is SoftmaxWithLoss of x and the labels, and 0 without labels. T^2 keeps
    the gradient's size: for large T it is ``(x - z) / (classes divisor)``, of scores whose mean is
    0. Positions whose label is ``ignore_label`` still learn from the teacher. The divisors are
    SoftmaxWithLoss's.

    Shapes, around the axis of the classes:
        bottom[0]  x      (outer..., classes, inner...), the student's scores before any softmax
        bottom[1]  z      as x, the teacher's; they have no gradient
        bottom[2]  label  (outer..., inner...), or as many in another shape; may be left out
        top[0]     loss   ()
    Definition: ``distillation_loss_param``, ``softmax_param`` (``axis``), ``loss_param``.
    After: G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", 2015.
    """

    origin = "paper"
    num_bottom = Arity(2, 3)
    auto_top = True
    is_loss = True
    backward_reads = ("bottom",)

    def allow_force_backward(self, index: int) -> bool:
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.distillation_loss_param
        self._temperature = read_temperature(param)
        self._share = param.soft_weight
        if not 0 <= self._share <= 1:
            raise LayerConfigError(
                f"soft_weight is {self._share:g}, expected 0 <= soft_weight <= 1: the labels have "
                "1 less this"
            )
        refuse_temperature(self.param)
        self._mode = _loss.read_normalization(self.param)
        self._ignore = _loss.read_ignore(self.param.loss_param)
        self._refuse_gradients(self.param.propagate_down)
        self._total = self.xp.zeros(2, np.float64)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape, axis = bottom[0].shape, self.param.softmax_param.axis
        if bottom[1].shape != shape:
            raise ShapeError(
                f"bottom[1] has shape {bottom[1].shape}, expected {shape} as bottom[0]: it holds "
                "the teacher's scores"
            )
        axis = bottom[0].canonical_axis(axis)
        if not shape[axis]:
            raise ShapeError(f"bottom[0] has shape {shape}, expected a class along axis {axis}")
        outer, classes, inner = prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])
        if len(bottom) == 3:
            _loss.positions(bottom[0], bottom[2], axis, bottom=2)
        self._shape = outer, classes, inner
        counts: dict[int, int] = {LossParameter.NONE: 1, LossParameter.BATCH_SIZE: outer}
        self._soft_divisor = max(1, counts.get(self._mode, outer * inner))
        arrays = (self.device.zeros(self._shape, self.dtype) for _ in range(3))
        self._student, self._teacher, self._hard = arrays
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        xp, temperature = self.xp, self._temperature
        for blob, prob in zip(bottom, (self._student, self._teacher), strict=False):
            xp.multiply(blob.data.reshape(self._shape), 1 / temperature, out=prob)
            softmax(xp, prob, prob)
        lost = -(self._teacher * xp.log(xp.maximum(self._student, LEAST)))
        factor = self._share * temperature**2 / self._soft_divisor
        loss = lost.sum(dtype=np.float64) * factor
        if len(bottom) == 3:
            outer, _, inner = self._shape
            labels = self._labels(bottom)
            given = bottom[0].data.reshape(self._shape), labels, self._ignore
            bad = softmax_loss(xp, *given, self._hard, self._total)
            refuse = partial(_loss.refuse_label, self._shape, self._ignore, bottom=2)
            self.check(bad, labels, refuse)
            self._divisor = _loss.divisor(self._mode, outer, inner, self._total[1], xp)
            loss = loss + (1 - self._share) * self._total[0] / self._divisor
        top[0].data[...] = loss

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        self._refuse_gradients(propagate_down)
        if not propagate_down[0]:
            return
        dx = bottom[0].diff.reshape(self._shape)
        factor = top[0].diff * (self._share * self._temperature / self._soft_divisor)
        soft = (self._student - self._teacher) * factor
        if len(bottom) == 3:
            factor = top[0].diff * (1 - self._share) / self._divisor
            labels = self._labels(bottom)
            softmax_loss_grad(self.xp, self._hard, labels, self._ignore, factor, dx)
            dx += soft
        else:
            dx[...] = soft

    def _labels(self, bottom: Sequence[Blob]) -> Array:
        outer, _, inner = self._shape
        return bottom[2].data.reshape(outer, inner)

    @staticmethod
    def _refuse_gradients(propagate_down: Sequence[bool]) -> None:
        _loss.refuse_label_gradient(propagate_down, 1, "the teacher's scores")
        _loss.refuse_label_gradient(propagate_down, 2)
