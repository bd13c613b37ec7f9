"""Scale: multiply by a broadcast factor, then maybe add a broadcast bias."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.fillers import constant
from minicaffe.layers._broadcast import around, learned_shape
from minicaffe.layers._weights import wanted_diff
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import scale as ops


@register_layer("Scale")
class Scale(Layer):
    """``y = x * s + b``, with s and b broadcast along k axes of x, from axis a on.

    Shapes:
        bottom[0]  x  (d_0, ..., d_n)
        bottom[1]  s  (d_a, ..., d_{a+k-1}), or () for a scalar; leave it out to learn s
        top[0]     y  as x; may be x itself
    Blobs:
        s  (d_a, ..., d_{a+k-1})  ``filler``, 1 if unset; where there is no bottom[1]
        b  as s                   ``bias_filler``; where ``bias_term``
    Definition: ``scale_param``. a is ``axis``, which may be negative; k is ``num_axes``, -1 to
    reach the last axis, and is not read where there is a bottom[1].
    After: src/caffe/layers/scale_layer.cpp.
    """

    num_bottom = Arity(1, 2)
    works_in_place = True
    backward_reads = ("bottom",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.scale_param
        if len(bottom) == 2:
            shape = bottom[1].shape
        else:
            shape = learned_shape(bottom[0], param)
            self.add_param(shape, param.filler if param.HasField("filler") else constant(1))
        if param.bias_term:
            self.add_param(shape, param.bias_filler)
        self._bias_index = 2 - len(bottom)
        self._kept = Blob(self.device, dtype=self.dtype)
        self._keeps = False

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._at_channels = self.param.scale_param.axis in (1, 1 - bottom[0].ndim)
        self._shape = around(bottom[0], self._factor(bottom), self.param.scale_param.axis)
        if self.param.scale_param.bias_term:
            around(bottom[0], self.blobs[self._bias_index], self.param.scale_param.axis)
        top[0].reshape(bottom[0].shape)
        self._kept.reshape(self._shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._keeps = top[0] is bottom[0] and (len(bottom) == 2 or self.param_propagate_down[0])
        has_bias = self.param.scale_param.bias_term
        ops.scale(
            self.xp,
            bottom[0].data.reshape(self._shape),
            self._factor(bottom).data.reshape(-1),
            self.blobs[self._bias_index].data.reshape(-1) if has_bias else None,
            top[0].data.reshape(self._shape),
            self._kept.data if self._keeps else None,  # of x, which y is about to overwrite
        )

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        ds = wanted_diff(self, 0) if len(bottom) == 1 else None
        if len(bottom) == 2 and propagate_down[1]:
            ds = bottom[1].diff
            ds[...] = 0
        db = wanted_diff(self, self._bias_index)
        ops.scale_grad(
            self.xp,
            self._kept.data if self._keeps else bottom[0].data.reshape(self._shape),
            self._factor(bottom).data.reshape(-1),
            top[0].diff.reshape(self._shape),
            bottom[0].diff.reshape(self._shape) if propagate_down[0] else None,
            None if ds is None else ds.reshape(-1),
            None if db is None else db.reshape(-1),
        )

    @property
    def is_by_channel(self) -> bool:
        """One learned factor for each index of axis 1, as follows BatchNorm."""
        return self._bias_index == 1 and self.blobs[0].ndim == 1 and self._at_channels

    def factor_and_offset(self) -> tuple[Array, Array]:
        """What is learned; zeros where there is no bias."""
        factor = self.blobs[0].data
        has_bias = self.param.scale_param.bias_term
        return factor, self.blobs[1].data if has_bias else self.xp.zeros_like(factor)

    def kept(self) -> Array:
        """Room for the input that ``backward`` reads where the top is written over it."""
        self._keeps = True
        return self._kept.data

    def _factor(self, bottom: Sequence[Blob]) -> Blob:
        return bottom[1] if len(bottom) == 2 else self.blobs[0]
