"""Permute: the axes in another order."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer


@register_layer("Permute")
class Permute(Layer):
    """The same values with the axes in another order: ``y = transpose(x, order)``.

    Shapes:
        bottom[0]  x  (d_0, ..., d_n)
        top[0]     y  (d_{order[0]}, ..., d_{order[n]}); may not be bottom[0] itself
    Definition: ``permute_param``. Axes that ``order`` does not name follow, in their order.
    After: Liu, Anguelov, Erhan, Szegedy, Reed, Fu, Berg, "SSD: Single Shot MultiBox Detector",
    2016, and the layer of its fork of Caffe.
    """

    origin = "SSD"
    backward_reads: Collection[str] = ()

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        order = list(self.param.permute_param.order)
        if len(set(order)) < len(order):
            raise LayerConfigError(f"order is {order}, expected each axis once")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape, order = bottom[0].shape, list(self.param.permute_param.order)
        if order and max(order) >= len(shape):
            raise ShapeError(
                f"order names axis {max(order)}, expected axes of bottom[0], whose shape is {shape}"
            )
        self._order = [*order, *(axis for axis in range(len(shape)) if axis not in order)]
        self._back = np.argsort(self._order).tolist()
        top[0].reshape([shape[axis] for axis in self._order])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        top[0].data[...] = bottom[0].data.transpose(self._order)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        if propagate_down[0]:
            bottom[0].diff[...] = top[0].diff.transpose(self._back)
