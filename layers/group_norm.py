"""GroupNorm: give groups of channels of each item mean 0 and variance 1."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers._row_norm import RowNorm
from minicaffe.layers.registry import register_layer


@register_layer("GroupNorm")
class GroupNorm(RowNorm):
    """``y = (x - mean) / sqrt(variance + eps)``, over C / G channels of an item at a time.

    No batch has a part in it: an item gives the same to the bit in any batch, in TRAIN and TEST,
    and small batches train as well as large ones. G = 1 is LayerNorm, G = C InstanceNorm.

    Shapes:
        bottom[0]  x  (N, C, \\*any), C a multiple of G
        top[0]     y  as x; may be x itself
    Definition: ``group_norm_param``; G is ``group_num``. A factor and an offset for each channel,
    which the paper has, are a Scale layer with ``bias_term: true`` behind it.
    After: Y. Wu, K. He, "Group normalization", 2018.
    """

    @property
    def eps(self) -> float:
        return self.param.group_norm_param.eps

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        super().setup(bottom, top)
        if self.param.group_norm_param.group_num < 1:
            raise LayerConfigError("group_num is 0, expected at least 1")

    def rows(self, shape: tuple[int, ...]) -> int:
        groups = self.param.group_norm_param.group_num
        if len(shape) < 2:
            raise ShapeError(f"bottom[0] has shape {shape}, expected (N, C, ...)")
        if shape[1] % groups:
            raise ShapeError(
                f"bottom[0] has {shape[1]} channels, expected a multiple of group_num, {groups}"
            )
        return shape[0] * groups
