"""MGU: minimal gated units over a sequence of inputs."""

from __future__ import annotations

from minicaffe.layers._gated import Gated
from minicaffe.layers.registry import register_layer


@register_layer("MGU")
class MGU(Gated):
    """GRU with one gate: for each step t, h' being ``cont_t h_(t-1)``::

        f, g = W_x x_t + b + W_x_static x_static
        f = sigmoid(f + W_hf h')
        g = tanh(g + W_hg (f h'))
        h_t = (1 - f) h' + f g

    ``cont``, the state that is carried over and ``expose_hidden`` are those of GRU.

    Shapes, D being ``num_output``:
        bottom[0]  x         (T, N, ...)
        bottom[1]  cont      (T, N)
        bottom[2]  x_static  (N, ...), the same for all steps; may be left out
        top[0]     h         (T, N, D)
    and last with ``expose_hidden``:
        bottom     h_0       (1, N, D)
        top        h_T       (1, N, D); its gradient is not read
    Blobs, half of LSTM's:
        [0]  W_x  (2 D, inputs), rows in the order f, g
        [1]  b    (2 D,)
        [2]  W_x_static  (2 D, static inputs), if there is x_static
        [last]  W_h  (2 D, D)
    Definition: ``recurrent_param``, as LSTM's.
    After: G.-B. Zhou, J. Wu, C.-L. Zhang, Z.-H. Zhou, "Minimal gated unit for recurrent neural
    networks", 2016. No Caffe has it.
    """

    gates = 2
