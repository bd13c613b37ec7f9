"""RNN: a simple recurrent network over a sequence of inputs."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.layers._recurrent import Recurrent
from minicaffe.layers._weights import wanted_diff
from minicaffe.layers.base import Arity
from minicaffe.layers.registry import register_layer
from minicaffe.ops import recurrent as ops
from minicaffe.ops.elementwise import tanh, tanh_grad
from minicaffe.ops.inner_product import inner_product, inner_product_grad


@register_layer("RNN")
class RNN(Recurrent):
    """For each step t, of N sequences side by side::

        h_t = tanh(W_xh x_t + b_h + W_xh_static x_static + W_hh (cont_t h_(t-1)))
        o_t = tanh(W_ho h_t + b_o)

    ``cont`` is 0 where a sequence begins, else 1. The first step goes on from the last one of
    the forward before, in TEST too, unless cont says otherwise; at first, and when N has
    changed, from zeros. T may change from one forward to the next. No gradient goes to the
    state before the first step.

    Shapes, D being ``num_output``:
        bottom[0]  x         (T, N, ...)
        bottom[1]  cont      (T, N)
        bottom[2]  x_static  (N, ...), the same for all steps; may be left out
        top[0]     o         (T, N, D)
    and last with ``expose_hidden``, in place of the state that is carried over:
        bottom     h_0       (1, N, D)
        top        h_T       (1, N, D); its gradient is not read
    Blobs, in this order:
        W_xh         (D, inputs)
        b_h          (D,)
        W_xh_static  (D, static inputs), if there is x_static
        W_hh         (D, D)
        W_ho         (D, D)
        b_o          (D,)
    Definition: ``recurrent_param``, of which ``debug_info`` is read over: there is no net of the
    steps to report on.
    After: src/caffe/layers/recurrent_layer.cpp and rnn_layer.cpp (J. L. Elman, "Finding
    structure in time", 1990). Differs: T may change, where Caffe aborts; a resumed run goes on
    from the carried state, where Caffe begins from zeros.
    """

    num_bottom = Arity(2, 4)
    num_top = Arity(1, 2)
    states = ("h",)
    gates = 1

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().setup(bottom, top)
        param, units = self.param.recurrent_param, self._outputs
        self.add_param((units, units), param.weight_filler)
        self.add_param((units,), param.bias_filler)
        self._out = Blob(self.device, dtype=self.dtype)  # the top's values, which none overwrites

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().reshape(bottom, top)
        steps, count, units = top[0].shape
        self._out.reshape((steps * count, units))

    def run(self, cont: Array, states: Sequence[Array], y: Array) -> None:
        hidden, out = self._units.data, self._out.data
        ops.rnn(self.xp, cont, self.blobs[-3].data, *states, hidden, self._hidden.data)
        w, bias = self.blobs[-2].data, self.blobs[-1].data
        inner_product(self.xp, hidden.reshape(out.shape), w, bias, out, False)
        tanh(self.xp, out, out)
        y[...] = out.reshape(y.shape)

    def run_back(self, cont: Array, dy: Array) -> None:
        hidden, dhidden = self._units.data, self._units.diff
        out, dout = self._out.data, self._out.diff
        tanh_grad(self.xp, out, dy.reshape(out.shape), dout)
        h, dh = hidden.reshape(out.shape), dhidden.reshape(out.shape)
        index = len(self.blobs) - 2
        w, dw, dbias = self.blobs[-2].data, wanted_diff(self, index), wanted_diff(self, index + 1)
        inner_product_grad(self.xp, h, w, dout, dh, dw, dbias, False)
        ops.rnn_grad(self.xp, cont, self.blobs[-3].data, hidden, dhidden)
