"""Filter: the items of a batch that are selected."""

from __future__ import annotations

from collections.abc import Sequence

from minicaffe.blob import Blob
from minicaffe.errors import BlobCountError, ShapeError
from minicaffe.layers._index import refuse_index_gradient
from minicaffe.layers.base import Arity, Layer
from minicaffe.layers.registry import register_layer


@register_layer("Filter")
class Filter(Layer):
    """``y_i = x_i[selector != 0]``, of as many items as there are; none is a number like others.

    The tops have the whole batch until a forward has seen the selector, and again when the
    bottoms get another shape. What is not selected gets the gradient 0.

    Shapes:
        bottom[i]   x_i       (N, ...)
        bottom[-1]  selector  (N,), (N, 1), (N, 1, 1), ...; it has no gradient
        top[i]      y_i       (selected, ...)
    Definition: no fields.
    After: src/caffe/layers/filter_layer.cpp. Differs: ``force_backward`` goes past the selector,
    where Caffe aborts.
    """

    num_bottom = Arity(2, None)
    num_top = Arity(1, None)
    waits = True

    def allow_force_backward(self, index: int) -> bool:
        return index < self._selector

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        self._selector = len(bottom) - 1
        if len(top) != self._selector:
            raise BlobCountError(
                f"{len(top)} top blob(s), expected {self._selector}: one for each bottom but the "
                "last, the selector"
            )
        refuse_index_gradient(self.param.propagate_down, self._selector, "what to select")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        shape = bottom[-1].shape
        if not shape or set(shape[1:]) - {1}:
            raise ShapeError(
                f"bottom[{self._selector}], the selector, has shape {shape}, expected (N,): one "
                "value an item"
            )
        for index, (x, y) in enumerate(zip(bottom, top, strict=False)):
            if x.shape[:1] != shape[:1]:
                raise ShapeError(
                    f"bottom[{index}] has shape {x.shape}, expected {shape[0]} items, as many as "
                    f"bottom[{self._selector}], the selector, has values"
                )
            y.reshape(x.shape)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        selector = bottom[-1].data.reshape(-1)
        (self._kept,) = self.xp.nonzero(selector)  # waits for the device: shapes depend on it
        for x, y in zip(bottom, top, strict=False):
            y.reshape((len(self._kept), *x.shape[1:]))
            y.data[...] = x.data[self._kept]

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        refuse_index_gradient(propagate_down, self._selector, "what to select")
        for x, y, wanted in zip(bottom, top, propagate_down, strict=False):
            if wanted:
                x.diff[...] = 0
                x.diff[self._kept] = y.diff
