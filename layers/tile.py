"""Tile: a blob several times behind itself."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer


@register_layer("Tile")
class Tile(Layer):
    """``y = (x, x, ...)`` along an axis; the gradient for x is the sum of those for its copies.

    Shapes, the same but for the axis:
        bottom[0]  x  (..., d, ...)
        top[0]     y  (..., tiles * d, ...)
    Definition: ``tile_param``. ``axis`` may be negative; ``tiles`` has to be given.
    After: src/caffe/layers/tile_layer.cpp.
    """

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param = self.param.tile_param
        if param.tiles < 1:
            found = param.tiles if param.HasField("tiles") else "missing"
            raise LayerConfigError(f"tiles is {found}, expected at least 1")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param, shape = self.param.tile_param, bottom[0].shape
        axis = bottom[0].canonical_axis(param.axis)
        top[0].reshape((*shape[:axis], param.tiles * shape[axis], *shape[axis + 1 :]))
        self._shape = prod(shape[:axis]), param.tiles, prod(shape[axis:])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        outer, _, inner = self._shape
        top[0].data.reshape(self._shape)[...] = bottom[0].data.reshape(outer, 1, inner)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            outer, _, inner = self._shape
            dx = bottom[0].diff.reshape(outer, inner)
            top[0].diff.reshape(self._shape).sum(axis=1, out=dx)
