"""Dropout: in training, set elements to zero at random."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers._neuron import Neuron
from minicaffe.layers.registry import register_layer
from minicaffe.ops import dropout as ops
from minicaffe.proto.minicaffe_pb2 import TRAIN


@register_layer("Dropout")
class Dropout(Neuron):
    """``y = x * m / (1 - dropout_ratio)`` in TRAIN, m 0 with that probability, else 1; ``y = x``
    in TEST.

    With ``scale_train: false`` it is ``y = x * m`` in TRAIN, and ``y = x * (1 - dropout_ratio)`` in
    TEST: the same on average. With ``sample_weights_test: true`` TEST does what TRAIN does, so that
    several forwards show how sure a net is.

    A forward draws 64 bits from the device's generator, whatever the shape, and the mask follows
    from them: one seed gives one run, on any device, with any number of threads.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``dropout_param``.
    After: src/caffe/layers/dropout_layer.cpp (N. Srivastava, G. Hinton, A. Krizhevsky,
    I. Sutskever, R. Salakhutdinov, "Dropout: a simple way to prevent neural networks from
    overfitting", 2014); the two fields are of forks (Y. Gal, Z. Ghahramani, "Dropout as a Bayesian
    approximation: representing model uncertainty in deep learning", 2016). A ratio outside [0, 1)
    is refused, which there only debug builds do.
    """

    backward_reads = ()

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.dropout_param
        self._ratio = param.dropout_ratio
        self._drops = self.param.phase == TRAIN or param.sample_weights_test
        self._scale = None if param.scale_train else 1.0  # of what is kept
        if not 0 <= self._ratio < 1:
            raise LayerConfigError(
                f"dropout_ratio is {self._ratio:g}, expected 0 <= dropout_ratio < 1: "
                "what is kept is divided by 1 - dropout_ratio"
            )

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().reshape(bottom, top)
        if self._drops:
            self._mask = self.xp.zeros(bottom[0].shape, "uint8")

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = bottom[0].data, top[0].data
        if self._drops:
            key = self.device.random_key()
            ops.dropout(self.xp, x, y, self._mask, self._ratio, key, self._scale)
        elif self._scale is not None:
            self.xp.multiply(x, 1 - self._ratio, out=y)
        elif y is not x:
            y[...] = x

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if not propagate_down[0]:
            return
        dy, dx = top[0].diff, bottom[0].diff
        if self._drops:
            ops.dropout_grad(self.xp, dy, self._mask, dx, self._ratio, self._scale)
        elif self._scale is not None:
            self.xp.multiply(dy, 1 - self._ratio, out=dx)
        elif dx is not dy:
            dx[...] = dy
