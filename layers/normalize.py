"""Normalize: vectors of length 1, times a learned factor."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import isfinite, prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.fillers import constant
from minicaffe.layers._weights import wanted_diff
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops import normalize as ops


@register_layer("Normalize")
class Normalize(Layer):
    """``y = s x / sqrt(sum(x^2) + eps)``, the sum over the channels of each position.

    With ``across_spatial``, the default, the sum is over a whole item.

    Shapes:
        bottom[0]  x  (N, C, ...)
        top[0]     y  as x; may not be bottom[0] itself
    Blobs:
        s  (C,), or () with ``channel_shared``, the default  ``scale_filler``, 1 if unset
    Definition: ``norm_param``.
    After: Liu, Rabinovich, Berg, "ParseNet: Looking Wider to See Better", 2015, and the layer of
    SSD's fork of Caffe. Differs: a factor of 0 gets its gradient, which the original makes by a
    division by the factor; bottoms may have any number of axes from 2 up.
    """

    origin = "SSD"
    backward_reads: Collection[str] = ("bottom",)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.norm_param
        if not (param.eps >= 0 and isfinite(param.eps)):
            raise LayerConfigError(f"eps is {param.eps:g}, expected a number from 0 up")
        if bottom[0].ndim < 2:
            raise ShapeError(f"bottom[0] has shape {bottom[0].shape}, expected (N, C, ...)")
        shape = () if param.channel_shared else bottom[0].shape[1:2]
        filler = param.scale_filler if param.HasField("scale_filler") else constant(1)
        self.add_param(shape, filler)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape, factors = bottom[0].shape, self.blobs[0]
        if len(shape) < 2 or (factors.ndim and shape[1] != factors.shape[0]):
            channels = factors.count if factors.ndim else "C"
            raise ShapeError(
                f"bottom[0] has shape {shape}, expected (N, {channels}, ...): there is a factor "
                "for each channel"
            )
        self._shape = *shape[:2], prod(shape[2:])
        across = self.param.norm_param.across_spatial
        self._norm = self.device.zeros((shape[0], 1 if across else self._shape[2]), self.dtype)
        top[0].reshape(shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, y = (blob.data.reshape(self._shape) for blob in (bottom[0], top[0]))
        factor = self.blobs[0].data.reshape(-1)
        ops.normalize(self.xp, x, factor, y, self._norm, self.param.norm_param.eps)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        dfactor = wanted_diff(self, 0)
        x, dy, dx = (
            array.reshape(self._shape) for array in (bottom[0].data, top[0].diff, bottom[0].diff)
        )
        ops.normalize_grad(
            self.xp,
            x,
            self.blobs[0].data.reshape(-1),
            dy,
            self._norm,
            dx if propagate_down[0] else None,
            None if dfactor is None else dfactor.reshape(-1),
        )
