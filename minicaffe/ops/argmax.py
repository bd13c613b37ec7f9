"""The highest values along the middle axis of (outer, size, inner)."""

from __future__ import annotations

from types import ModuleType

from minicaffe.device import Array
from minicaffe.ops.dispatch import compiled_in


@compiled_in("minicaffe.ops.argmax_cpu")
def top_k(xp: ModuleType, x: Array, index: Array, value: Array) -> None:
    """Write the highest values, from the highest down, and where along the middle axis they are.

    Of equal values the one further along comes first; NaN is higher than any number.

    Args:
        xp: array module of ``x``.
        x: (outer, size, inner).
        index: (outer, k, inner) with k from 1 to size, of the dtype of ``x``; written.
        value: as ``index``; written.
    """
    order = xp.argsort(x, axis=1, kind="stable")[:, ::-1][:, : index.shape[1]]
    index[...] = order
    value[...] = xp.take_along_axis(x, order, axis=1)
