"""LayerNorm: give each item mean 0 and variance 1."""

from __future__ import annotations

from math import prod

from minicaffe.errors import ShapeError
from minicaffe.layers._row_norm import RowNorm
from minicaffe.layers.registry import register_layer


@register_layer("LayerNorm")
class LayerNorm(RowNorm):
    """``y = (x - mean) / sqrt(variance + eps)``, over all that has one index before axis a.

    With a = 1 that is all of an item; with the last axis each vector along it, as in sequences.

    Shapes:
        bottom[0]  x  (d_0, ..., d_n)
        top[0]     y  as x; may be x itself
    Definition: ``layer_norm_param``; a is ``axis``, which may be negative. A factor and an offset
    are a Scale layer with ``bias_term: true`` behind it.
    After: J. Ba, J. Kiros, G. Hinton, "Layer normalization", 2016.
    """

    @property
    def eps(self) -> float:
        return self.param.layer_norm_param.eps

    def rows(self, shape: tuple[int, ...]) -> int:
        axis = self.param.layer_norm_param.axis
        if not -len(shape) <= axis < len(shape):
            raise ShapeError(
                f"axis is {axis}, expected {-len(shape)}..{len(shape) - 1}: bottom[0] has shape "
                f"{shape}"
            )
        return prod(shape[: axis % len(shape)])
