"""InstanceNorm: give each channel of each item mean 0 and variance 1."""

from __future__ import annotations

from minicaffe.errors import ShapeError
from minicaffe.layers._row_norm import RowNorm
from minicaffe.layers.registry import register_layer


@register_layer("InstanceNorm")
class InstanceNorm(RowNorm):
    """``y = (x - mean) / sqrt(variance + eps)``, over the positions of each channel of an item.

    It is the same in TRAIN and in TEST.

    Shapes:
        bottom[0]  x  (N, C, \\*any), one axis or more behind C
        top[0]     y  as x; may be x itself
    Definition: ``instance_norm_param``. A factor and an offset for each channel are a Scale layer
    with ``bias_term: true`` behind it.
    After: D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization: the missing ingredient
    for fast stylization", 2016.
    """

    @property
    def eps(self) -> float:
        return self.param.instance_norm_param.eps

    def rows(self, shape: tuple[int, ...]) -> int:
        if len(shape) < 3:
            raise ShapeError(
                f"bottom[0] has shape {shape}, expected (N, C, H, W), or other axes behind C: of "
                "one element the mean is itself"
            )
        return shape[0] * shape[1]
