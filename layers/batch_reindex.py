"""BatchReindex: items of a batch, chosen and ordered by their index."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod

from minicaffe.blob import Blob
from minicaffe.device import Array
from minicaffe.errors import ShapeError
from minicaffe.layers._index import refuse_index, refuse_index_gradient
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.rows import add_rows, take_rows


@register_layer("BatchReindex")
class BatchReindex(Layer):
    """``y[m] = x[index[m]]``; an item that is chosen several times gets the sum of the gradients.

    Shapes:
        bottom[0]  x      (N, ...)
        bottom[1]  index  (M,), each 0..N-1 when truncated toward 0; it has no gradient
        top[0]     y      (M, ...)
    Definition: no fields.
    After: src/caffe/layers/batch_reindex_layer.cpp. Differs: ``force_backward`` goes past the
    index, where Caffe aborts.
    """

    num_bottom = Arity(2, 2)

    def allow_force_backward(self, index: int) -> bool:
        return index == 0

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        refuse_index_gradient(self.param.propagate_down, 1, "indices")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, index = bottom
        if not x.ndim:
            raise ShapeError("bottom[0] has shape (), expected (N, ...): a batch of items")
        if index.ndim != 1:
            raise ShapeError(f"bottom[1] has shape {index.shape}, expected (M,): a list of indices")
        top[0].reshape((*index.shape, *x.shape[1:]))
        self._size = prod(x.shape[1:])

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, index = bottom
        bad = take_rows(self.xp, self._items(x.data), index.data, self._items(top[0].data))
        of = "bottom[1]", x.shape[0], f"bottom[0] has shape {x.shape}"
        self.check(bad, index.data, partial(refuse_index, index.shape, *of))

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        refuse_index_gradient(propagate_down, 1, "indices")
        if propagate_down[0]:
            bottom[0].diff[...] = 0
            dx, dy = self._items(bottom[0].diff), self._items(top[0].diff)
            add_rows(self.xp, bottom[1].data, dy, dx)

    def _items(self, array: Array) -> Array:
        return array.reshape(array.shape[0], self._size)
