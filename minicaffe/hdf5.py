"""HDF5 files, read so that a damaged or hostile one is an error, in bounded time and memory.

h5py reports what is wrong with a file by a dozen kinds of exceptions. And a few hundred bytes may
claim terabytes, lead to other files, or to themselves: nothing is read before its size has been
held against what the file stores, and no link is followed but a plain one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from minicaffe.blob import MAX_AXES
from minicaffe.blob_proto import HostArray
from minicaffe.device import Array
from minicaffe.errors import MinicaffeError, PrototxtError, WeightsError
from minicaffe.proto import files

_ODD = (
    OSError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError,
    MemoryError, SystemError,
)  # fmt: skip  # what h5py has been seen to raise
_MOST_GAIN = 1100  # bytes out of one byte: deflate makes at most 1032
_LARGEST_CHUNK = 2**28  # bytes; compressed chunks are in memory as a whole
_PART = 2**26  # bytes that are read at once
_LONGEST_STRING = 2**28


def is_hdf5(path: str | Path) -> bool:
    """``path`` starts as HDF5 files do, whatever its name ends in.

    Raises:
        PrototxtError: it is missing, or cannot be read.
    """
    with files.open_file(path) as file:
        return files.kind(file.read(len(files.HDF5_SIGNATURE))) == "HDF5"


@contextmanager
def reading(path: str | Path) -> Iterator[Any]:
    """``path``, open as an ``h5py.File``.

    Raises:
        PrototxtError: it is damaged, as far as this shows while it is open.
    """
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except MinicaffeError:
        raise
    except _ODD as error:
        raise PrototxtError(f"is a damaged HDF5 file: {_first_line(error)}", str(path)) from error


def members(group: Any) -> dict[str, Any]:
    """The groups and datasets in ``group``, by name.

    Raises:
        WeightsError: one of them is a link into another place or file.
    """
    import h5py

    found = {}
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise WeightsError(f"{group.name}/{name} is a link, expected what it leads to")
        found[name] = group[name]
    return found


def member_group(parent: Any, name: str) -> Any:
    """The group ``name`` in ``parent``.

    Raises:
        WeightsError: there is none.
    """
    import h5py

    found = members(parent).get(name)
    if not isinstance(found, h5py.Group):
        raise WeightsError(f"has no group {name!r}, expected one")
    return found


class HDF5Blob:
    """An array of numbers in an open file."""

    def __init__(self, dataset: Any) -> None:
        """Look at the head of ``dataset``.

        Raises:
            WeightsError: it is none of numbers.
        """
        import h5py

        self._set = dataset
        if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
            raise WeightsError(f"{dataset.name} is no array, expected one of numbers")
        self.shape = tuple(map(int, dataset.shape))
        dtype = dataset.dtype
        if dtype.kind not in "fiu" or dtype.itemsize > 8 or len(self.shape) > MAX_AXES:
            raise WeightsError(
                f"{dataset.name} holds {dtype} of {len(self.shape)} axes, expected numbers of at "
                f"most 8 bytes, of at most {MAX_AXES} axes"
            )
        self._bytes = prod(self.shape) * dtype.itemsize

    def fits(self, shape: Sequence[int]) -> bool:
        """It has that very shape."""
        return self.shape == tuple(shape)

    def check(self) -> None:
        """Make sure that all of it is in the file; what is compressed is read to see it.

        Raises:
            WeightsError: it is not.
        """
        if self._bytes:
            _refuse_elsewhere(self._set)
            _refuse_unstored(self._set, self._bytes)
            if self._set.chunks is not None:
                for rows in self._parts():
                    self._set[rows]

    def array(self) -> HostArray:
        """The values, in the type that they are stored in."""
        result: HostArray = self._set[()] if self._bytes else np.zeros(self.shape, self._set.dtype)
        return np.asarray(result)

    def copy_to(self, target: Array, xp: Array) -> None:
        """Write the values into ``target``, part by part: a second copy may not fit in memory."""
        if self._bytes:
            for rows in self._parts():
                target[rows] = xp.asarray(self._set[rows].astype(target.dtype, copy=False))

    def _parts(self) -> Iterator[Any]:
        """Indexes that select all of it, some rows after the other."""
        if not self.shape:
            yield ()
            return
        step = max(1, _PART // (self._bytes // self.shape[0]))
        for begin in range(0, self.shape[0], step):
            yield slice(begin, min(begin + step, self.shape[0]))


def read_int(group: Any, name: str) -> int:
    """The whole number that the dataset ``name`` holds, alone or in an array of one.

    Raises:
        WeightsError: there is no such number.
    """
    blob = HDF5Blob(_dataset(group, name))
    if prod(blob.shape) != 1:
        raise WeightsError(f"{name} has shape {blob.shape}, expected one number")
    blob.check()
    value = blob.array().reshape(-1)[0]
    if value.dtype.kind not in "iu":
        raise WeightsError(f"{name} is {value}, expected a whole number")
    return int(value)


def read_string(group: Any, name: str) -> str:
    """The text that the dataset ``name`` holds.

    Raises:
        WeightsError: there is none, or not of one fixed length, as the original writes it.
    """
    dataset = _dataset(group, name)
    if dataset.shape != () or dataset.dtype.kind != "S":
        raise WeightsError(f"{name} is no text of a fixed length, expected one")
    length = dataset.dtype.itemsize
    _refuse_elsewhere(dataset)
    _refuse_unstored(dataset, length)
    if length > _LONGEST_STRING:
        raise WeightsError(f"{name} has {length} bytes, expected at most {_LONGEST_STRING}")
    try:
        return bytes(dataset[()]).split(b"\0")[0].decode()
    except UnicodeDecodeError as error:
        raise WeightsError(f"{name} is not UTF-8, expected UTF-8") from error


def _dataset(group: Any, name: str) -> Any:
    import h5py

    found = members(group).get(name)
    if not isinstance(found, h5py.Dataset):
        raise WeightsError(f"has no dataset {name!r}, expected one")
    return found


def _refuse_elsewhere(dataset: Any) -> None:
    """Refuse values that are in another file: anyone's, if its name is chosen with malice."""
    if dataset.is_virtual or dataset.external:
        raise WeightsError(f"the values of {dataset.name} are in another file, expected in this")


def _refuse_unstored(dataset: Any, size: int) -> None:
    """Refuse what claims ``size`` bytes, and has not stored them."""
    stored, offset = dataset.id.get_storage_size(), dataset.id.get_offset()
    chunk = prod(dataset.chunks or ()) * dataset.dtype.itemsize
    if dataset.chunks is None:
        whole = stored == size and (offset or 0) + size <= dataset.file.id.get_filesize()
    else:
        whole = size <= _MOST_GAIN * min(stored, dataset.file.id.get_filesize())
    if not whole:
        raise WeightsError(
            f"{dataset.name} should take {size} bytes, and the file stores {stored} for it: it is "
            "damaged"
        )
    if chunk > max(_LARGEST_CHUNK, 2 * size):
        raise WeightsError(
            f"{dataset.name} is stored in chunks of {chunk} bytes, expected at most "
            f"{_LARGEST_CHUNK}"
        )


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
