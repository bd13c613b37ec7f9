"""BatchNorm: give each channel mean 0 and variance 1."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import batch_norm as ops
from minicaffe.proto.minicaffe_pb2 import TEST, FillerParameter


@register_layer("BatchNorm")
class BatchNorm(Layer):
    """``y = (x - mean) / sqrt(variance + eps)``, by channel.

    Mean and variance are the batch's own in TRAIN, and each forward then adds them to the stored
    ones; in TEST they are the stored ones. ``use_global_stats`` given decides instead of the phase.
    Stored are sums that fade by ``moving_average_fraction`` (f) at each forward:
    ``blobs[0] = f blobs[0] + mean``, ``blobs[1] = f blobs[1] + variance m / (m - 1)`` (m elements
    in a channel; the factor is 1 where m is), ``blobs[2] = f blobs[2] + 1``. What is used is the
    first two over the third; 0 where that is 0, so that a net which never trained nor loaded them
    divides by sqrt(eps).

    Shapes:
        bottom[0]  x  (N, C, \\*any); no axis empty
        top[0]     y  as x; may be x itself
    Blobs, no solver's to change; their lr_mult is 0 and may be given as nothing else:
        [0]  mean      (C,)
        [1]  variance  (C,)
        [2]  weight    (1,)
    Definition: ``batch_norm_param``. There is no factor and no offset: a Scale layer with
    ``bias_term: true`` goes behind.
    After: src/caffe/layers/batch_norm_layer.cpp (S. Ioffe, C. Szegedy, "Batch normalization:
    accelerating deep network training by reducing internal covariate shift", 2015).
    """

    works_in_place = True

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.batch_norm_param
        if bottom[0].ndim < 2:
            raise ShapeError(
                f"bottom[0] has shape {bottom[0].shape}, expected (N, C, ...): each channel is "
                "normalized by itself"
            )
        self._global = self.param.phase == TEST
        if param.HasField("use_global_stats"):
            self._global = param.use_global_stats
        self._channels = bottom[0].shape[1]
        for shape in [(self._channels,), (self._channels,), (1,)]:
            self.add_param(shape, FillerParameter(value=0))
        self._fix_learning_rates()
        self.param_propagate_down = [False] * len(self.blobs)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        if len(shape) < 2 or shape[1] != self._channels:
            raise ShapeError(
                f"bottom[0] has shape {shape}, expected {self._channels} channels at axis 1: the "
                "statistics are made for them"
            )
        if bottom[0].count == 0:
            raise ShapeError(f"bottom[0] has shape {shape}, expected no empty axis: no mean exists")
        top[0].reshape(shape)
        self._rows = shape[0], shape[1], bottom[0].count // (shape[0] * shape[1])
        self._mean, self._variance, self._std, self._zeros = (
            self.device.zeros(self._channels, self.dtype) for _ in range(4)
        )
        # backward reads x, which is gone from the bottom where the top is written over it
        in_place = top[0] is bottom[0] and not self._global
        self._kept = self.device.zeros(self._rows, self.dtype) if in_place else None

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = bottom[0].data.reshape(self._rows), top[0].data.reshape(self._rows)
        eps = self.param.batch_norm_param.eps
        if self._global:
            total = self.blobs[2].data
            scale = (total != 0) / self.xp.where(total == 0, 1, total)
            self._mean[...] = self.blobs[0].data * scale
            self._std[...] = self.xp.sqrt(self.blobs[1].data * scale + eps)
            ops.normalize(self.xp, x, y, self._mean, self._std)
        else:
            moments = self._mean, self._variance, self._std
            ops.batch_norm(self.xp, x, y, self._kept, *moments, eps, 0.0)
            self._store()

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if not propagate_down[0]:
            return
        dy, dx = top[0].diff.reshape(self._rows), bottom[0].diff.reshape(self._rows)
        if self._global:
            ops.normalize(self.xp, dy, dx, self._zeros, self._std)
        else:
            x = bottom[0].data.reshape(self._rows) if self._kept is None else self._kept
            ops.batch_norm_grad(self.xp, x, dy, dx, self._mean, self._std)

    def _fix_learning_rates(self) -> None:
        """No solver changes the statistics: as the original, put that in the definition."""
        for index in range(len(self.blobs)):
            if index == len(self.param.param):
                self.param.param.add(lr_mult=0, decay_mult=0)
            elif self.param.param[index].lr_mult != 0:
                raise LayerConfigError(
                    f"lr_mult of param {index} is {self.param.param[index].lr_mult:g}, expected "
                    "0: the statistics are not learned from gradients; give 'param { lr_mult: 0 }' "
                    "three times, or leave param out"
                )

    def _store(self) -> None:
        fraction = self.param.batch_norm_param.moving_average_fraction
        elements = self._rows[0] * self._rows[2]
        unbiased = elements / (elements - 1) if elements > 1 else 1.0
        for blob, fresh in zip(self.blobs, (self._mean, self._variance * unbiased, 1), strict=True):
            blob.data[...] = blob.data * fraction + fresh
