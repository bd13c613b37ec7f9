"""Reshape: other axes for the same values."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.layers.base import Layer
from minicaffe.layers.registry import register_layer


@register_layer("Reshape")
class Reshape(Layer):
    """The same values in the same order, with the axes [a, b) replaced by others.

    Shapes:
        bottom[0]  x  (d_0, ..., d_n)
        top[0]     y  (d_0, ..., d_{a-1}, \\*shape, d_b, ..., d_n); shares the data and the diff
                      of x, and may not be bottom[0] itself
    Definition: ``reshape_param``. In ``shape`` a 0 stands for the bottom's axis in this place, and
    one -1 for what is left over. a is ``axis``; -1 is behind the last axis. b is a + ``num_axes``,
    or behind the last axis where that is -1; with 0 axes are added and none replaced.
    After: src/caffe/layers/reshape_layer.cpp, but for bottoms without any element, which end
    Caffe by a division by 0 where an axis is to be found: here it is that of one item.
    """

    backward_reads = ()

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        dims = list(self.param.reshape_param.shape.dim)
        if dims.count(-1) > 1:
            raise LayerConfigError(
                f"shape is {dims}, expected -1 once at most: only one axis can be what is left over"
            )
        if any(dim < -1 for dim in dims):
            raise LayerConfigError(f"shape is {dims}, expected sizes, 0 or -1")

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        x, dims = bottom[0], list(self.param.reshape_param.shape.dim)
        first, last = self._replaced(x)
        for i, dim in enumerate(dims):
            if dim == 0:
                if first + i >= x.ndim:
                    raise ShapeError(
                        f"shape[{i}] is 0, which stands for axis {first + i} of bottom[0], "
                        f"expected one of the {x.ndim} of its shape {x.shape}"
                    )
                dims[i] = x.shape[first + i]
        shape = [*x.shape[:first], *dims, *x.shape[last:]]
        if -1 in dims:
            place = first + dims.index(-1)
            shape[place] = 1
            shape[place] = _left_over(x.shape, tuple(shape))
        if prod(shape) != x.count:
            raise ShapeError(
                f"bottom[0] has shape {x.shape}, so {x.count} elements, expected {prod(shape)} "
                f"for the shape {tuple(shape)}"
            )
        top[0].reshape(shape)
        top[0].share_data(x)
        top[0].share_diff(x)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        return

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        return

    def _replaced(self, x: Blob) -> tuple[int, int]:
        """The axes of ``x`` from the first on, up to the last, that make way for others."""
        param = self.param.reshape_param
        first = param.axis if param.axis >= 0 else x.ndim + 1 + param.axis
        if not 0 <= first <= x.ndim:
            raise ShapeError(
                f"axis is {param.axis}, expected {-x.ndim - 1}..{x.ndim}: bottom[0] has shape "
                f"{x.shape}"
            )
        if not -1 <= param.num_axes <= x.ndim - first:
            raise LayerConfigError(
                f"num_axes is {param.num_axes}, expected -1..{x.ndim - first}: bottom[0] has shape "
                f"{x.shape} and axis is {param.axis}"
            )
        return first, x.ndim if param.num_axes == -1 else first + param.num_axes


def _left_over(old: tuple[int, ...], new: tuple[int, ...]) -> int:
    """The size of the axis that is 1 in ``new``, so that it holds as many elements as ``old``."""
    if not prod(new):  # an empty axis that stays: what is left over is that of one item
        old, new = tuple(dim or 1 for dim in old), tuple(dim or 1 for dim in new)
    if prod(old) % prod(new):
        raise ShapeError(
            f"bottom[0] has shape {old}, so {prod(old)} elements, expected a multiple of "
            f"{prod(new)}: what is left over for -1 would be no whole number"
        )
    return prod(old) // prod(new)
