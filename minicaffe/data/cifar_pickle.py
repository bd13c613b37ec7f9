"""The Python version of CIFAR's files, read without running what a pickle may contain.

A pickle can name any function to be called. Here none is: the five names that these files use
stand for inert objects that keep what they are given, and any other name is refused.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from minicaffe.data.image import HostArray
from minicaffe.errors import DataError

BROKEN = (  # what the unpickler and the numbers it gives may raise
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
)


class _Inert:
    """Keeps the state that a pickle gives it."""

    state: Any = None

    def __init__(self, *args: object) -> None: ...

    def __setstate__(self, state: object) -> None:
        self.state = state


def _array(*args: object) -> _Inert:
    return _Inert()


def _bytes(text: str, coding: object) -> bytes:
    """How Python 3 writes bytes where Python 2 shall read them."""
    return text.encode("latin1")


STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("numpy", "ndarray"): _Inert,
    ("numpy", "dtype"): _Inert,
    ("_codecs", "encode"): _bytes,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return STAND_INS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"names {module}.{name}, which no file of CIFAR does"
            ) from None


def records(raw: bytes, labels: Sequence[str], size: int, name: str) -> bytes:
    """The records of the binary version that the pickle ``raw`` is the same as.

    Args:
        raw: the file's contents.
        labels: the lists of labels in it, in the order of a record's bytes.
        size: bytes of an image.
        name: of the file, for errors.

    Raises:
        DataError: it is no such pickle.
    """
    try:
        loaded = _Unpickler(io.BytesIO(raw), encoding="bytes").load()
        fields = {key if isinstance(key, str) else key.decode(): loaded[key] for key in loaded}
        images = _pixels(fields["data"], size)
        columns = [np.array(fields[label], np.int64) for label in labels]
        if any(column.shape != (len(images),) or (column >> 8).any() for column in columns):
            raise ValueError(f"labels are not {len(images):,} bytes")
    except BROKEN as error:
        raise DataError(f"is no pickle of CIFAR's Python version: {error}", name) from error
    return np.column_stack([*(column.astype(np.uint8) for column in columns), images]).tobytes()


def _pixels(array: Any, size: int) -> HostArray:
    """(N, ``size``) of the array whose pickled state ``array`` has kept."""
    _, shape, _, columns_first, data = array.state
    if columns_first or not isinstance(data, bytes) or shape[1:] != (size,):
        raise ValueError(f"data of shape {shape}, expected (N, {size}) bytes, row by row")
    if len(data) != prod(shape):
        raise ValueError(f"data of {len(data):,} bytes, expected {prod(shape):,}")
    return np.frombuffer(data, np.uint8).reshape(shape)
