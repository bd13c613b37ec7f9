"""Writing batch after batch to the datasets of one HDF5 file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py

from minicaffe.data.image import HostArray
from minicaffe.errors import DataError


class Hdf5Writer:
    """A file whose datasets grow by the rows of each batch.

    After each batch the file is whole, whatever ends the process; until ``close`` others may
    not open it.

    Args:
        path: the file.
        append: go on after what it holds; else it is made anew.

    Raises:
        DataError: it cannot be opened for writing.
    """

    def __init__(self, path: str | Path, *, append: bool = False) -> None:
        self._path = str(path)
        try:
            self._file = h5py.File(path, "a" if append else "w")
        except OSError as error:
            raise DataError(_why_not(Path(path), error), self._path) from error

    def append(self, arrays: Mapping[str, HostArray]) -> None:
        """Add the rows of each array to the dataset of its name.

        Raises:
            DataError: rows have another shape than those before, or cannot be written.
        """
        for name, array in arrays.items():
            if name in self._file and self._file[name].shape[1:] != array.shape[1:]:
                raise DataError(
                    f"a row of {name} is {array.shape[1:]}, expected {self._file[name].shape[1:]} "
                    "as those already written",
                    self._path,
                )
        try:
            for name, array in arrays.items():
                self._append(name, array)
            self._file.flush()
        except (OSError, RuntimeError) as error:
            raise DataError(f"cannot be written: {error}", self._path) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, name: str, array: HostArray) -> None:
        if name not in self._file:
            most = (None, *array.shape[1:])
            self._file.create_dataset(name, data=array, maxshape=most, chunks=True)
            return
        dataset = self._file[name]
        begin = dataset.shape[0]
        dataset.resize(begin + len(array), axis=0)
        dataset[begin:] = array


def _why_not(path: Path, error: OSError) -> str:
    if path.is_dir():
        return "is a folder, expected the path of a file to write"
    if not path.parent.is_dir():
        return f"cannot be written: there is no folder {path.parent}"
    if "already open" in str(error):
        return "is open already: do two layers write it?"
    return f"cannot be written: {error.strerror or error}"
