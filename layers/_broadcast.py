"""What Scale and Bias share: a blob that goes along some axes of another."""

from __future__ import annotations

from math import prod

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.proto.minicaffe_pb2 import BiasParameter, ScaleParameter


def learned_shape(x: Blob, param: ScaleParameter | BiasParameter) -> tuple[int, ...]:
    """The ``num_axes`` axes of ``x`` from ``axis`` on: what a parameter is made for.

    Raises:
        LayerConfigError: there are not as many.
        ShapeError: there is no such axis.
    """
    k = param.num_axes
    axis = x.canonical_axis(param.axis)
    if not -1 <= k <= x.ndim - axis:
        raise LayerConfigError(
            f"num_axes is {k}, expected -1..{x.ndim - axis}: bottom[0] has shape {x.shape} and "
            f"axis is {param.axis}"
        )
    return x.shape[axis:] if k == -1 else x.shape[axis : axis + k]


def around(x: Blob, part: Blob, axis: int) -> tuple[int, int, int]:
    """(outer, dim, inner) of ``x``, once ``part`` is known to lie along its axes from ``axis`` on.

    Raises:
        ShapeError: it does not.
    """
    if not part.ndim:  # a single value has no place
        return 1, 1, x.count
    first = x.canonical_axis(axis)
    last = first + part.ndim
    if part.shape != x.shape[first:last]:
        raise ShapeError(
            f"bottom[0] has shape {x.shape}, expected {part.shape} at its axes from {first} on, "
            f"where axis is {axis}: that is the shape of what goes along them"
        )
    return prod(x.shape[:first]), part.count, prod(x.shape[last:])
