"""The module ``spatial_dropout`` that definitions of ENet name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.proto.minicaffe_pb2 import TRAIN
from minicaffe.python_layer import Layer
from minicaffe.python_layers.param_str import mapping, number
from minicaffe.user_blob import Blob


class SpatialDropoutLayer(Layer):
    """``y[n, c] = x[n, c] * m[n, c] / (1 - p)`` in TRAIN, ``y = x`` in TEST; see SpatialDropout.

    Shapes:
        bottom[0]  x  (N, C, \\*any)
        top[0]     y  as x; may be x itself
    Definition: ``param_str``: ``p``, the probability that a channel is dropped, 0.5 if not given;
    ``phase``: "TEST" never drops, "TRAIN", which it is if not given, only where the net trains.
    After: J. Tompson, R. Goroshin, A. Jain, Y. LeCun, C. Bregler, "Efficient object localization
    using convolutional networks", 2015, and the layer that goes with A. Paszke, A. Chaurasia,
    S. Kim, E. Culurciello, "ENet: a deep neural network architecture for real-time semantic
    segmentation", 2016, in its version for Caffe. Differs: a net in TEST drops nothing,
    whatever ``phase`` says.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        told = mapping(self.param_str)
        self._ratio = number(told, "p", 0.5)
        phase = told.get("phase", "TRAIN")
        if phase not in ("TRAIN", "TEST"):
            raise LayerConfigError(
                f"param_str has {phase!r} for 'phase', expected 'TRAIN' or 'TEST'"
            )
        if not 0 <= self._ratio < 1:
            raise LayerConfigError(f"param_str has {self._ratio:g} for 'p', expected 0 <= p < 1")
        self._drops = phase == "TRAIN" and self.phase == TRAIN

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if len(bottom[0].shape) < 2:
            raise ShapeError(f"bottom[0] has shape {tuple(bottom[0].shape)}, expected (N, C, ...)")
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x = bottom[0].data
        if self._drops:
            kept = self.rng.random(x.shape[:2], np.float32) >= self._ratio
            factor = (kept / (1 - self._ratio)).astype(x.dtype)
            self._factor = factor.reshape(*x.shape[:2], *[1] * (x.ndim - 2))
            np.multiply(x, self._factor, out=top[0].data)
        elif top[0].data is not x:
            top[0].data[...] = x

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            bottom[0].diff[...] = top[0].diff * self._factor if self._drops else top[0].diff
