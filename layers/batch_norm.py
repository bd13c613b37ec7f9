"""BatchNorm: give each channel mean 0 and variance 1."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.fillers import constant
from minicaffe.layers._channel_norm import ChannelNorm
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import batch_norm as ops
from minicaffe.ops.running_moments import load_moments, store_moments
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
        bottom[0]  x  (N, C, \\*any); no axis empty where the batch's own statistics are used
        top[0]     y  as x; may be x itself
    Blobs, of which the first three are no solver's to change; their lr_mult is 0 and may be given
    as nothing else:
        [0]  mean      (C,)
        [1]  variance  (C,)
        [2]  weight    (1,)
        [3]  factor    (C,)  ``scale_filler``, 1 if unset; where ``scale_bias``
        [4]  offset    (C,)  ``bias_filler``; where ``scale_bias``
    Definition: ``batch_norm_param``. There is no factor and no offset: a Scale layer with
    ``bias_term: true`` goes behind. Or, as NVIDIA's fork has it, ``scale_bias: true``: then
    ``y = factor (x - mean) / sqrt(variance + eps) + offset``.
    After: src/caffe/layers/batch_norm_layer.cpp (S. Ioffe, C. Szegedy, "Batch normalization:
    accelerating deep network training by reducing internal covariate shift", 2015).

    Attributes:
        mean, variance, std: (C,) of the last forward.
        rows: (N, C, elements of a channel) of the bottom.
    """

    works_in_place = True
    backward_reads = ("bottom",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        if bottom[0].ndim < 2:
            raise ShapeError(
                f"bottom[0] has shape {bottom[0].shape}, expected (N, C, ...): each channel is "
                "normalized by itself"
            )
        self._channels = bottom[0].shape[1]
        for shape in [(self._channels,), (self._channels,), (1,)]:
            self.add_param(shape, FillerParameter(value=0))
        self._fix_learning_rates()
        self.param_propagate_down = [False] * len(self.param_propagate_down)
        if self.learns:
            param = self.param.batch_norm_param
            filler = param.scale_filler if param.HasField("scale_filler") else constant(1)
            self.add_param((self._channels,), filler)
            self.add_param((self._channels,), param.bias_filler)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[0].shape
        if len(shape) < 2 or shape[1] != self._channels:
            raise ShapeError(
                f"bottom[0] has shape {shape}, expected {self._channels} channels at axis 1: the "
                "statistics are made for them"
            )
        if bottom[0].count == 0 and not self.uses_stored:
            raise ShapeError(f"bottom[0] has shape {shape}, expected no empty axis: no mean exists")
        top[0].reshape(shape)
        self.rows = shape[0], shape[1], prod(shape[2:])
        self.mean, self.variance, self.std, self._zeros = (
            self.device.zeros(self._channels, self.dtype) for _ in range(4)
        )
        # backward reads x, which is gone from the bottom where the top is written over it
        in_place = top[0] is bottom[0] and not self.uses_stored and not self.learns
        self._kept = self.device.zeros(self.rows, self.dtype) if in_place else None
        if self.learns:
            self._norm = ChannelNorm(self, self.rows, 3, in_place=top[0] is bottom[0])
            self.mean, self.variance, self.std = (
                self._norm.mean,
                self._norm.variance,
                self._norm.std,
            )

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = bottom[0].data.reshape(self.rows), top[0].data.reshape(self.rows)
        if self.learns and self.uses_stored:
            self.load_stored()
            self._norm.stored(x, y)
        elif self.learns:
            self._norm.batch(x, y, self.eps)
            self.store()
        elif self.uses_stored:
            self.load_stored()
            ops.normalize(self.xp, x, y, self.mean, self.std)
        else:
            moments = self.mean, self.variance, self.std
            ops.batch_norm(self.xp, x, y, self._kept, *moments, self.eps, 0.0)
            self.store()

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if self.learns:
            grad = self._norm.stored_grad if self.uses_stored else self._norm.batch_grad
            grad(bottom[0].data, top[0].diff, bottom[0].diff if propagate_down[0] else None)
            return
        if not propagate_down[0]:
            return
        dy, dx = top[0].diff.reshape(self.rows), bottom[0].diff.reshape(self.rows)
        if self.uses_stored:
            ops.normalize(self.xp, dy, dx, self._zeros, self.std)
        else:
            x = bottom[0].data.reshape(self.rows) if self._kept is None else self._kept
            ops.batch_norm_grad(self.xp, x, dy, dx, self.mean, self.std)

    @property
    def uses_stored(self) -> bool:
        """Mean and variance are the stored ones, not the batch's own."""
        param = self.param.batch_norm_param
        if param.HasField("use_global_stats"):
            return param.use_global_stats
        return self.param.phase == TEST

    @property
    def learns(self) -> bool:
        """Has a factor and an offset of its own: NVIDIA's."""
        return self.param.batch_norm_param.scale_bias

    @property
    def wants_own_top(self) -> bool:
        return not self.uses_stored or self.learns

    @property
    def eps(self) -> float:
        """Added to the variance."""
        return self.param.batch_norm_param.eps

    def load_stored(self) -> None:
        """Set ``mean`` and ``std`` from what is stored."""
        stored = (blob.data for blob in self.blobs[:3])
        load_moments(self.xp, self.mean, self.std, *stored, self.eps)

    def store(self) -> None:
        """Add ``mean`` and ``variance``, of this batch, to what is stored."""
        fraction = self.param.batch_norm_param.moving_average_fraction
        elements = self.rows[0] * self.rows[2]
        unbiased = elements / (elements - 1) if elements > 1 else 1.0
        stored = (blob.data for blob in self.blobs[:3])
        store_moments(self.xp, self.mean, self.variance, *stored, fraction, unbiased)

    def _fix_learning_rates(self) -> None:
        """No solver changes the statistics: as the original, put that in the definition."""
        for index in range(3):
            if index == len(self.param.param):
                self.param.param.add(lr_mult=0, decay_mult=0)
            elif self.param.param[index].lr_mult != 0:
                raise LayerConfigError(
                    f"lr_mult of param {index} is {self.param.param[index].lr_mult:g}, expected "
                    "0: the statistics are not learned from gradients; give 'param { lr_mult: 0 }' "
                    "three times, or leave param out"
                )
