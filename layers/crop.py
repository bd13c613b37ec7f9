"""Crop: a part of a blob, as large as another one."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer


@register_layer("Crop")
class Crop(Layer):
    """``y = x[..., o_a : o_a + r_a, ..., o_n : o_n + r_n]``; outside, the gradient for x is 0.

    Shapes:
        bottom[0]  x    (d_0, ..., d_n)
        bottom[1]  ref  (r_0, ..., r_n), or with more axes; its values are not read, and its
                        gradient is 0
        top[0]     y    (d_0, ..., d_{a-1}, r_a, ..., r_n)
    Definition: ``crop_param``. a is ``axis``, which may be negative. o is ``offset``: none for 0,
    one for all axes from a on, or one for each.
    After: src/caffe/layers/crop_layer.cpp.
    """

    num_bottom = Arity(2, 2)

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param, x, ref = self.param.crop_param, bottom[0], bottom[1]
        axis = x.canonical_axis(param.axis)
        offsets, cut = list(param.offset), x.ndim - axis
        if len(offsets) not in (0, 1, cut):
            raise LayerConfigError(
                f"offset is given {len(offsets)} time(s), expected none, one for all axes, or one "
                f"for each axis from {axis} on ({cut}): bottom[0] has shape {x.shape}"
            )
        if ref.ndim < x.ndim:
            raise ShapeError(
                f"bottom[1] has shape {ref.shape}, expected {x.ndim} axes, as bottom[0] with "
                f"shape {x.shape}"
            )
        offsets = offsets * cut if len(offsets) == 1 else offsets or [0] * cut
        for i, offset in enumerate(offsets, axis):
            if offset + ref.shape[i] > x.shape[i]:
                raise ShapeError(
                    f"offset {offset} and size {ref.shape[i]} at axis {i} make "
                    f"{offset + ref.shape[i]}, expected at most {x.shape[i]}: bottom[0] has shape "
                    f"{x.shape}, bottom[1] has shape {ref.shape}"
                )
        top[0].reshape((*x.shape[:axis], *ref.shape[axis : x.ndim]))
        sizes = top[0].shape[axis:]
        self._part = (
            *(slice(None) for _ in range(axis)),
            *(slice(o, o + size) for o, size in zip(offsets, sizes, strict=True)),
        )

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        top[0].data[...] = bottom[0].data[self._part]

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        for blob, wanted in zip(bottom, propagate_down, strict=True):
            if wanted:
                blob.diff[...] = 0
        if propagate_down[0]:
            bottom[0].diff[self._part] = top[0].diff
