"""What layers share that read a bottom as indices, or as what to keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from minicaffe.blob import Blob
from minicaffe.errors import LayerConfigError, ValueRangeError


def refuse_index(blob: Blob, name: str, position: int, rows: int, of: str) -> NoReturn:
    """Raise for the index at flat ``position`` of ``blob``, which is none of ``rows``.

    Args:
        blob: the indices.
        name: of the blob, as an error should call it.
        position: of the bad one.
        rows: how many there are to choose from.
        of: what they are rows of.

    Raises:
        ValueRangeError: always.
    """
    value = float(blob.device.to_numpy(blob.data.reshape(-1)[position : position + 1])[0])
    place = [int(i) for i in np.unravel_index(position, blob.shape)] if blob.ndim else ""
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
