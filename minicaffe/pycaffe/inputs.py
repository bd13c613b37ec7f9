"""Arrays of the caller's on their way into blobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minicaffe.pycaffe.errors import ArgumentError
from minicaffe.user_blob import Blob, HostArray


def check_names(given: Iterable[str], expected: Iterable[str], text: str) -> None:
    """Refuse ``given`` unless it is ``expected``, in any order; ``text`` leads the message.

    Raises:
        ArgumentError: says what is missing and what is too many.
    """
    given, expected = set(given), list(expected)
    if given != set(expected):
        names = ", ".join(map(repr, expected)) or "none, the net has no such blobs"
        found = ", ".join(map(repr, sorted(given)))
        raise ArgumentError(f"{text} {found} given, expected {names}.")


def fill(blobs: Mapping[str, Blob], kind: str, arrays: Mapping[str, Any], text: str) -> None:
    """Put each of ``arrays`` into the blob of its name, all of them or none.

    Args:
        blobs: by name.
        kind: "data" or "diff".
        arrays: of the blob's shape, or one that numpy stretches to it, but for the first axis;
            of any type of numbers.
        text: what an error about the first axis starts with.

    Raises:
        ArgumentError: one of another shape, or not of numbers.
    """
    fitting = [(blobs[name], _fitting(name, blobs[name], arrays[name], text)) for name in arrays]
    for blob, array in fitting:
        blob.put(kind, array)


def _fitting(name: str, blob: Blob, value: Any, text: str) -> HostArray:
    try:
        array = np.asarray(value)
    except ValueError as error:  # a list of lists of several lengths
        raise ArgumentError(f"{name!r} is no array, expected one of numbers: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ArgumentError(f"{name!r} holds {array.dtype}, expected an array of numbers")
    shape = blob.shape
    if array.shape == shape:
        return array
    advice = f"net.blobs[{name!r}].reshape(...) changes the net's"
    if array.shape[:1] != shape[:1]:
        raise ArgumentError(f"{text}: {name!r} has shape {array.shape}, expected {shape}: {advice}")
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ArgumentError(
            f"{name!r} has shape {array.shape}, expected {shape}, as the net's blob: {advice}"
        ) from None
