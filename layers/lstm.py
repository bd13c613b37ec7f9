"""LSTM: long short-term memory over a sequence of inputs."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.layers._recurrent import Recurrent
from minicaffe.layers.base import Arity
from minicaffe.layers.registry import register_layer
from minicaffe.ops import recurrent as ops


@register_layer("LSTM")
class LSTM(Recurrent):
    """For each step t, of N sequences side by side::

        i, f, o, g = W_xc x_t + b_c + W_xc_static x_static + W_hc (cont_t h_(t-1))
        i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), tanh(g)
        c_t = cont_t f c_(t-1) + i g
        h_t = o tanh(c_t)

    ``cont`` is 0 where a sequence begins, else 1. The first step goes on from the last one of
    the forward before, in TEST too, unless cont says otherwise; at first, and when N has
    changed, from zeros. T may change from one forward to the next. No gradient goes to the
    state before the first step.

    Shapes, D being ``num_output``:
        bottom[0]  x         (T, N, ...)
        bottom[1]  cont      (T, N)
        bottom[2]  x_static  (N, ...), the same for all steps; may be left out
        top[0]     h         (T, N, D)
    and last with ``expose_hidden``, in place of the state that is carried over:
        bottom     h_0, c_0  (1, N, D)
        top        h_T, c_T  (1, N, D); their gradients are not read
    Blobs, the last axis as long as what they multiply:
        [0]  W_xc  (4 D, inputs), rows in the order i, f, o, g
        [1]  b_c   (4 D,)
        [2]  W_xc_static  (4 D, static inputs), if there is x_static
        [last]  W_hc  (4 D, D)
    Definition: ``recurrent_param``, of which ``debug_info`` is read over: there is no net of the
    steps to report on.
    After: src/caffe/layers/recurrent_layer.cpp and lstm_layer.cpp (S. Hochreiter,
    J. Schmidhuber, "Long short-term memory", 1997; J. Donahue, L. A. Hendricks et al.,
    "Long-term recurrent convolutional networks for visual recognition and description", 2015).
    Differs: T may change, where Caffe aborts; a ``cont`` between 0 and 1 has its true gradient
    for f; a resumed run goes on from the carried state, where Caffe begins from zeros.
    """

    num_bottom = Arity(2, 5)
    num_top = Arity(1, 3)
    states = ("h", "c")
    gates = 4

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().setup(bottom, top)
        self._cells = Blob(self.device, dtype=self.dtype)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().reshape(bottom, top)
        steps, count, units = top[0].shape
        self._cells.reshape((steps + 1, count, units))

    def run(self, cont: Array, states: Sequence[Array], y: Array) -> None:
        gates, hidden, cells = self._units.data, self._hidden.data, self._cells.data
        ops.lstm(self.xp, cont, self.blobs[-1].data, *states, gates, hidden, cells, y)

    def run_back(self, cont: Array, dy: Array) -> None:
        gates, dgates = self._units.data, self._units.diff
        w = self.blobs[-1].data
        ops.lstm_grad(self.xp, cont, w, gates, self._cells.data, dy, dgates)
