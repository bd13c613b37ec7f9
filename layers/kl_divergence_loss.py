"""KLDivergenceLoss: how far the softmax of scores is from a distribution over the classes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NoReturn

import numpy as np

from minicaffe.blob import Blob
from minicaffe.errors import ShapeError, ValueRangeError
from minicaffe.layers import _loss
from minicaffe.layers._softmax_loss import refuse_temperature
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.bad import first_bad
from minicaffe.ops.softmax import LEAST, softmax


@register_layer("KLDivergenceLoss")
class KLDivergenceLoss(Layer):
    """``loss = sum(t (log(t) - log(max(p, 2 ** -126)))) / divisor``, p = softmax(x).

    The sum is over classes and positions, a class with t = 0 adds 0, and ``p - t`` over the
    divisor is the gradient, for t that sum to 1 (else ``p sum(t) - t``). With a single 1 in each t
    it is SoftmaxWithLoss; else that plus what does not depend on x. A position whose t are all 0
    loses nothing and, for VALID, does not count. The divisor is SoftmaxWithLoss's.

    Shapes, around the axis of the classes:
        bottom[0]  x     (outer..., classes, inner...), scores before any softmax
        bottom[1]  t     as x: at each position a distribution over the classes
        top[0]     loss  ()
    Definition: ``softmax_param`` (``axis``), ``loss_param`` (``normalization``).
    After: B.-B. Gao, C. Xing, C.-W. Xie, J. Wu, X. Geng, "Deep label distribution learning with
    label ambiguity", 2017. A t below 0, or that is no number, is refused.
    """

    origin = "paper"
    num_bottom = Arity(2, 2)
    auto_top = True
    is_loss = True
    backward_reads = ("bottom",)

    def allow_force_backward(self, index: int) -> bool:
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._mode = _loss.read_normalization(self.param)
        _loss.refuse_label_gradient(self.param.propagate_down, 1, "distributions")
        refuse_temperature(self.param)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        axis = bottom[0].canonical_axis(self.param.softmax_param.axis)
        if not shape[axis]:
            raise ShapeError(f"bottom[0] has shape {shape}, expected a class along axis {axis}")
        if bottom[1].shape != shape:
            raise ShapeError(
                f"bottom[1] has shape {bottom[1].shape}, expected {shape} as bottom[0]: it has a "
                "share for each class; for labels that are numbers of classes take SoftmaxWithLoss"
            )
        self._shape = prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])
        self._prob = self.device.zeros(self._shape, self.dtype)
        top[0].reshape(())

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        xp, prob = self.xp, self._prob
        x, t = (blob.data.reshape(self._shape) for blob in bottom)
        self.check(first_bad(xp, ~((t >= 0) & (t < xp.inf))), bottom[1].data, self._refuse)
        softmax(xp, x, prob)
        known = xp.where(t > 0, t, 1)
        lost = t * (xp.log(known) - xp.log(xp.maximum(prob, LEAST)))
        self._sums = t.sum(axis=1, keepdims=True)
        outer, _, inner = self._shape
        self._divisor = _loss.divisor(self._mode, outer, inner, (self._sums > 0).sum(), xp)
        top[0].data[...] = lost.sum(dtype=np.float64) / self._divisor

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        _loss.refuse_label_gradient(propagate_down, 1, "distributions")
        if propagate_down[0]:
            t, dx = bottom[1].data.reshape(self._shape), bottom[0].diff.reshape(self._shape)
            self.xp.multiply(self._prob, self._sums, out=dx)
            dx -= t
            dx *= top[0].diff / self._divisor

    def _refuse(self, index: int, value: float) -> NoReturn:
        outer, classes, inner = self._shape
        place = [int(i) for i in np.unravel_index(index, self._shape)]
        raise ValueRangeError(
            f"bottom[1] holds {value:g} at row {place[0]}, class {place[1]}, position {place[2]} "
            f"of {outer} x {classes} x {inner}, expected a number of at least 0: it is the share "
            "of a class"
        )
