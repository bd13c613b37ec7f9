"""LSTMUnit: one step of long short-term memory, after the products with its weights."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import ShapeError
from minicaffe.layers._recurrent import refuse_cont_gradient
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import recurrent as ops


@register_layer("LSTMUnit")
class LSTMUnit(Layer):
    """Of the gates ``i, f, o, g`` before their activations::

        c = cont sigmoid(f) c_prev + sigmoid(i) tanh(g)
        h = sigmoid(o) tanh(c)

    Shapes:
        bottom[0]  c_prev  (1, N, D)
        bottom[1]  gates   (1, N, 4 D), in the order i, f, o, g
        bottom[2]  cont    (1, N), 0 where a sequence begins, else 1
        top[0]     c       (1, N, D)
        top[1]     h       (1, N, D)
    Definition: no fields.
    After: src/caffe/layers/lstm_unit_layer.cpp (S. Hochreiter, J. Schmidhuber, "Long short-term
    memory", 1997). Differs: a ``cont`` between 0 and 1 has its true gradient for f.
    """

    num_bottom = Arity(3, 3)
    num_top = Arity(2, 2)

    def allow_force_backward(self, index: int) -> bool:
        return index != 2

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        refuse_cont_gradient(self.param.propagate_down, 2)
        self._gates, self._unwanted = (Blob(self.device, dtype=self.dtype) for _ in range(2))

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        c_prev = bottom[0].shape
        if len(c_prev) != 3 or c_prev[0] != 1:
            raise ShapeError(f"bottom[0] has shape {c_prev}, expected (1, N, D): one cell state")
        for index, expected in ((1, (*c_prev[:2], 4 * c_prev[2])), (2, c_prev[:2])):
            if bottom[index].shape != expected:
                raise ShapeError(
                    f"bottom[{index}] has shape {bottom[index].shape}, expected {expected}: "
                    f"bottom[0] has shape {c_prev}"
                )
        for blob in top:
            blob.reshape(c_prev)
        self._gates.reshape(bottom[1].shape[1:])
        self._unwanted.reshape(c_prev[1:])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        c_prev, x, cont = (blob.data[0] for blob in bottom)
        c, h = (blob.data[0] for blob in top)
        ops.lstm_unit(self.xp, x, cont, c_prev, self._gates.data, c, h)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        refuse_cont_gradient(propagate_down, 2)
        if not any(propagate_down):
            return
        # the two gradients come together: the one that is not wanted goes nowhere
        dc_prev = bottom[0].diff[0] if propagate_down[0] else self._unwanted.data
        dx = bottom[1].diff[0] if propagate_down[1] else self._gates.diff
        (c, dc), (_, dh) = ((blob.data[0], blob.diff[0]) for blob in top)
        gates, cont = self._gates.data, bottom[2].data[0]
        ops.lstm_unit_grad(self.xp, cont, bottom[0].data[0], gates, c, dc, dh, dx, dc_prev)
