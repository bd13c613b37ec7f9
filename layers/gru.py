"""GRU: gated recurrent units over a sequence of inputs."""

from __future__ import annotations

from minicaffe.layers._gated import Gated
from minicaffe.layers.registry import register_layer


@register_layer("GRU")
class GRU(Gated):
    """For each step t, of N sequences side by side, h' being ``cont_t h_(t-1)``::

        z, r, g = W_x x_t + b + W_x_static x_static
        z, r = sigmoid(z + W_hz h'), sigmoid(r + W_hr h')
        g = tanh(g + W_hg (r h'))
        h_t = (1 - z) h' + z g

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
        bottom     h_0       (1, N, D)
        top        h_T       (1, N, D); its gradient is not read
    Blobs, the last axis as long as what they multiply; three quarters of LSTM's:
        [0]  W_x  (3 D, inputs), rows in the order z, r, g
        [1]  b    (3 D,)
        [2]  W_x_static  (3 D, static inputs), if there is x_static
        [last]  W_h  (3 D, D)
    Definition: ``recurrent_param``, as LSTM's.
    After: K. Cho et al., "Learning phrase representations using RNN encoder-decoder for
    statistical machine translation", 2014; z as in J. Chung, C. Gulcehre, K. Cho, Y. Bengio,
    "Empirical evaluation of gated recurrent neural networks on sequence modeling", 2014. No
    Caffe has it.
    """

    gates = 3
