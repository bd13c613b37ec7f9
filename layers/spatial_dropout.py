"""SpatialDropout: in training, set whole channels to zero at random."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers._neuron import Neuron
from minicaffe.layers.registry import register_layer
from minicaffe.ops.dropout import dropout
from minicaffe.ops.norm_scale import affine
from minicaffe.proto.minicaffe_pb2 import TRAIN


@register_layer("SpatialDropout")
class SpatialDropout(Neuron):
    """``y[n, c] = x[n, c] * m[n, c] / (1 - dropout_ratio)`` in TRAIN, ``y = x`` in TEST.

    m is 0 with probability ``dropout_ratio``, else 1, for each channel of each item: neighbours in
    a map tell nearly the same, so that to drop some of them, as Dropout does, hides little. A
    forward draws 64 bits from the device's generator, whatever the shape.

    Shapes:
        bottom[0]  x  (N, C, \\*any)
        top[0]     y  as x; may be x itself
    Definition: ``spatial_dropout_param``, or ``dropout_param``: ``dropout_ratio``; of the second
    ``scale_train`` and ``sample_weights_test`` too, as in Dropout.
    After: J. Tompson, R. Goroshin, A. Jain, Y. LeCun, C. Bregler, "Efficient object localization
    using convolutional networks", 2015, and Intel's fork of Caffe, whose field is the first.
    """

    origin = "Intel Caffe"
    backward_reads = ()

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param, own = self.param.dropout_param, self.param.spatial_dropout_param
        if param.HasField("dropout_ratio") and own.HasField("dropout_ratio"):
            raise LayerConfigError(
                "dropout_ratio is given in dropout_param and in spatial_dropout_param, expected one"
            )
        given = own if own.HasField("dropout_ratio") else param
        self._ratio = given.dropout_ratio
        self._drops = self.param.phase == TRAIN or param.sample_weights_test
        self._scale = None if param.scale_train else 1.0  # of what is kept
        if not 0 <= self._ratio < 1:
            raise LayerConfigError(
                f"dropout_ratio is {self._ratio:g}, expected 0 <= dropout_ratio < 1: "
                "what is kept is divided by 1 - dropout_ratio"
            )

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().reshape(bottom, top)
        shape = bottom[0].shape
        if len(shape) < 2:
            raise ShapeError(f"bottom[0] has shape {shape}, expected (N, C, ...)")
        maps = shape[0] * shape[1]
        self._rows = 1, maps, bottom[0].count // max(maps, 1)
        self._ones = self.device.zeros(maps, self.dtype)
        self._ones[...] = 1
        self._factors, self._zeros = (self.device.zeros(maps, self.dtype) for _ in range(2))
        self._factors[...] = 1 - self._ratio  # for TEST where training does not scale
        self._mask = self.xp.zeros(maps, "uint8")

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if self._drops:
            key = self.device.random_key()
            arrays = self._ones, self._factors, self._mask
            dropout(self.xp, *arrays, self._ratio, key, self._scale)
        self._multiply(bottom[0].data, top[0].data)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            self._multiply(top[0].diff, bottom[0].diff)

    def _multiply(self, x: Array, y: Array) -> None:
        if self._drops or self._scale is not None:
            x, y = x.reshape(self._rows), y.reshape(self._rows)
            affine(self.xp, x, y, self._factors, self._zeros, False)
        elif y is not x:
            y[...] = x
