"""ReLU: what is positive passes, the rest is scaled down or cut off."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers._neuron import Neuron
from minicaffe.layers.registry import register_layer
from minicaffe.ops import elementwise as ops
from minicaffe.proto.minicaffe_pb2 import TRAIN


@register_layer("ReLU")
class ReLU(Neuron):
    """``y = max(x, 0) + negative_slope * min(x, 0)``.

    By that formula NaN stays NaN, and -infinity is NaN too where ``negative_slope`` is 0; no
    gradient passes through a NaN.

    Shapes:
        bottom[0]  x  any
        top[0]     y  as x; may be x itself
    Definition: ``relu_param``; ``engine`` is a hint, and not needed.
    After: src/caffe/layers/relu_layer.cpp (V. Nair, G. Hinton, "Rectified linear units improve
    restricted Boltzmann machines", 2010). A negative ``negative_slope`` in place is refused in
    training: the sign that the gradient needs is overwritten, and there it comes out wrong.
    ``engine: CUDNN`` is accepted where there is no cuDNN.

    Attributes:
        slope: ``negative_slope``.
    """

    backward_reads = ("bottom",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self.slope = self.param.relu_param.negative_slope
        if self.slope < 0 and top[0] is bottom[0] and self.param.phase == TRAIN:
            raise LayerConfigError(
                f"negative_slope is {self.slope:g} in place, expected at least 0: the gradient "
                "needs the sign of the input; give the top a name of its own"
            )

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        ops.relu(self.xp, bottom[0].data, top[0].data, self.slope)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            ops.relu_grad(self.xp, bottom[0].data, top[0].diff, bottom[0].diff, self.slope)
