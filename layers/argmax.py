"""ArgMax: where the highest scores are, and what they are."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer
from minicaffe.ops.argmax import top_k


@register_layer("ArgMax")
class ArgMax(Layer):
    """The indices of the k highest scores, from the highest down; or the scores themselves.

    Of equal scores the one with the larger index comes first; NaN is higher than any number.

    Shapes:
        bottom[0]  x  (N, ...)
        top[0]     y  without ``axis``: indices into an item, flattened, as (N, 1, k), with
                      ``out_max_val`` (N, 2, k), indices and then scores; axes of size 1 follow, as
                      many as x has
                      with ``axis``: as x, but k along that axis; indices along it, with
                      ``out_max_val`` the scores in their place
    Definition: ``argmax_param``. k is ``top_k``; ``axis`` may be negative.
    After: src/caffe/layers/argmax_layer.cpp, but for two cases: where NaN stands in the order is
    by chance in Caffe; ``force_backward`` goes past this layer, where Caffe aborts.
    """

    def allow_force_backward(self, index: int) -> bool:
        return False

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        _refuse_gradient(self.param.propagate_down)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param, shape = self.param.argmax_param, bottom[0].shape
        if not shape:
            raise ShapeError("bottom[0] has shape (), expected at least one axis")
        if param.HasField("axis"):
            axis = bottom[0].canonical_axis(param.axis)
            self._shape = prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])
            top_shape = (*shape[:axis], param.top_k, *shape[axis + 1 :])
        else:
            self._shape = shape[0], prod(shape[1:]), 1
            ones = (1,) * (len(shape) - 3)
            top_shape = (shape[0], 2 if param.out_max_val else 1, param.top_k, *ones)
        outer, size, inner = self._shape
        if not 1 <= param.top_k <= size:
            raise LayerConfigError(
                f"top_k is {param.top_k}, expected 1..{size}: that is how many scores there are "
                f"to choose from in {shape}"
            )
        top[0].reshape(top_shape)
        self._index = self.device.zeros((outer, param.top_k, inner), self.dtype)
        self._score = self.device.zeros((outer, param.top_k, inner), self.dtype)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        param, index, score = self.param.argmax_param, self._index, self._score
        top_k(self.xp, bottom[0].data.reshape(self._shape), index, score)
        if param.out_max_val and not param.HasField("axis"):
            both = top[0].data.reshape(self._shape[0], 2, param.top_k)
            both[:, 0], both[:, 1] = index[:, :, 0], score[:, :, 0]
        else:
            top[0].data.reshape(index.shape)[...] = score if param.out_max_val else index

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        _refuse_gradient(propagate_down)


def _refuse_gradient(propagate_down: Sequence[bool]) -> None:
    if any(propagate_down):
        raise LayerConfigError(
            "propagate_down[0] is true, expected false: an index has no gradient"
        )
