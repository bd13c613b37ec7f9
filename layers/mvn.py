"""MVN: give each image, or each of its channels, mean 0 and, if wanted, variance 1."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import ShapeError
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import batch_norm as ops


@register_layer("MVN")
class MVN(Layer):
    """``y = (x - mean) / (std + eps)``; ``y = x - mean`` with ``normalize_variance: false``.

    Mean and deviation are of each channel of each image, with ``across_channels`` of each image.

    Shapes:
        bottom[0]  x  (N, C, \\*any), missing axes counting as 1; no axis empty
        top[0]     y  as x; may be x itself
    Definition: ``mvn_param``.
    After: src/caffe/layers/mvn_layer.cpp. The gradient is the original's, which takes std for
    std + eps in one place. Differs: takes more than four axes, which abort there, and has the
    right gradient in place, and under a layer that writes over y.
    """

    works_in_place = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if bottom[0].count == 0:
            raise ShapeError(
                f"bottom[0] has shape {bottom[0].shape}, expected no empty axis: no mean exists"
            )
        top[0].reshape(bottom[0].shape)
        param = self.param.mvn_param
        rows = prod(bottom[0].shape[: 1 if param.across_channels else 2])
        self._rows = 1, rows, bottom[0].count // rows
        if param.normalize_variance:
            self._mean, self._variance, self._std = (
                self.device.zeros(rows, self.dtype) for _ in range(3)
            )
        # backward reads x, which is gone from the bottom where the top is written over it
        in_place = top[0] is bottom[0] and param.normalize_variance
        self._kept = self.device.zeros(self._rows, self.dtype) if in_place else None

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = bottom[0].data.reshape(self._rows), top[0].data.reshape(self._rows)
        param = self.param.mvn_param
        if param.normalize_variance:
            moments = self._mean, self._variance, self._std
            ops.batch_norm(self.xp, x, y, self._kept, *moments, 0.0, param.eps)
        else:
            ops.center(self.xp, x, y)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if not propagate_down[0]:
            return
        dy, dx = top[0].diff.reshape(self._rows), bottom[0].diff.reshape(self._rows)
        if self.param.mvn_param.normalize_variance:
            x = bottom[0].data.reshape(self._rows) if self._kept is None else self._kept
            ops.batch_norm_grad(self.xp, x, dy, dx, self._mean, self._std)
        else:
            ops.center(self.xp, dy, dx)
