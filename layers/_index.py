"""What layers share that read a bottom as indices, or as what to keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ValueRangeError


def refuse_index(
    shape: tuple[int, ...], name: str, rows: int, of: str, position: int, value: float
) -> NoReturn:
    """Raise for the index ``value`` at flat ``position`` of a blob: it is none of ``rows``.

    Args:
        shape: of the blob.
        name: of the blob, as an error should call it.
        rows: how many there are to choose from.
        of: what they are rows of.
        position: of the bad one.
        value: the bad one.

    Raises:
        ValueRangeError: always.
    """
    place = [int(i) for i in np.unravel_index(position, shape)] if shape else ""
    raise ValueRangeError(
        f"{name} holds the index {value:g} at {name}{place}, expected 0..{rows - 1}: {of}"
    )


def refuse_index_gradient(propagate_down: Sequence[bool], index: int, what: str) -> None:
    """Refuse ``propagate_down`` where it asks for a gradient for bottom ``index``.

    Raises:
        LayerConfigError: it does.
    """
    if len(propagate_down) > index and propagate_down[index]:
        raise LayerConfigError(
            f"propagate_down[{index}] is true, expected false: bottom[{index}] holds {what}, "
            "which have no gradient"
        )


def zero_gradient(propagate_down: Sequence[bool], bottom: Sequence[Blob], *indices: int) -> None:
    """Say that the loss does not depend on the bottoms ``indices``, where a net asks for it.

    A net asks where what is read as indices or regions comes from layers that learn.
    """
    for index in indices:
        if propagate_down[index]:
            bottom[index].diff[...] = 0
