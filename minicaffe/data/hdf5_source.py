"""Rows of the HDF5 files that a text file lists.

After: src/caffe/layers/hdf5_data_layer.cpp, src/caffe/util/hdf5.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import DTypeLike

from minicaffe.data.image import HostArray
from minicaffe.data.listing import read_lines
from minicaffe.errors import DataError, did_you_mean

HEAD = b"\x89HDF\r\n\x1a\n"  # that an HDF5 file begins with


class Rows:
    """Room for a batch of rows of several datasets.

    Attributes:
        arrays: one (size, *shape) for each of ``shapes``.
    """

    def __init__(
        self, size: int, shapes: Sequence[tuple[int, ...]], dtype: DTypeLike = np.float32
    ) -> None:
        self.arrays: list[HostArray] = [np.empty((size, *shape), dtype) for shape in shapes]


class Hdf5Files:
    """Files that have the same datasets, with rows of the same size.

    Args:
        name: the text file that lists them.
        datasets: names of the datasets to read.

    Attributes:
        rows: how many rows each file has.
        shapes: of a row of each dataset: without the axis that counts rows.

    Raises:
        DataError: a file or a dataset is missing, or they do not fit together.
    """

    def __init__(self, name: str, datasets: Sequence[str]) -> None:
        self._name, self._datasets = name, list(datasets)
        self._paths = _paths(name)
        self.shapes: list[tuple[int, ...]] = []
        self.rows: HostArray = np.array([self._look_at(*each) for each in self._paths])

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, index: int, dtype: DTypeLike) -> list[HostArray]:
        """(rows, *shape) of each dataset of file ``index``.

        Raises:
            DataError: it cannot be read any more.
        """
        path, key = self._paths[index]
        arrays = []
        with _opened(path, self._name, key) as file:
            for dataset, shape in zip(self._datasets, self.shapes, strict=True):
                found: HostArray = np.empty((int(self.rows[index]), *shape), dtype)
                try:
                    file[dataset].read_direct(found.reshape(file[dataset].shape))
                except (OSError, KeyError, TypeError, ValueError) as error:
                    raise DataError(
                        f"{path}: dataset {dataset!r} cannot be read: {error}", self._name, key
                    ) from error
                arrays.append(found)
        return arrays

    def _look_at(self, path: str, key: str) -> int:
        """How many rows there are in the file ``path``, which fits those before it."""
        with _opened(path, self._name, key) as file:
            shapes = [self._shape_of(file, dataset, path, key) for dataset in self._datasets]
        self.shapes = self.shapes or [shape[1:] for shape in shapes]
        for dataset, shape, row in zip(self._datasets, shapes, self.shapes, strict=True):
            if shape[0] != shapes[0][0]:
                raise DataError(
                    f"{path}: dataset {dataset!r} has {shape[0]} rows, expected {shapes[0][0]} "
                    f"as {self._datasets[0]!r}",
                    self._name,
                    key,
                )
            if prod(shape[1:]) != prod(row):
                raise DataError(
                    f"{path}: a row of dataset {dataset!r} is {shape[1:]}, expected {row} as in "
                    "the first file",
                    self._name,
                    key,
                )
        return shapes[0][0]

    def _shape_of(self, file: Any, name: str, path: str, key: str) -> tuple[int, ...]:
        dataset = file.get(name)
        if not isinstance(dataset, h5py.Dataset):
            known = [each for each in file if isinstance(file.get(each), h5py.Dataset)]
            raise DataError(
                f"{path} has no dataset {name!r}, expected one of the name of each top; "
                f"{did_you_mean(name, known)}",
                self._name,
                key,
            )
        if dataset.dtype.kind not in "fiu":
            raise DataError(
                f"{path}: dataset {name!r} holds {dataset.dtype}, expected float, double or int",
                self._name,
                key,
            )
        if not dataset.shape or dataset.shape[0] == 0:
            raise DataError(
                f"{path}: dataset {name!r} has shape {dataset.shape}, expected at least one row",
                self._name,
                key,
            )
        return tuple(dataset.shape)


class RowFiller:
    """Fills batches with rows, round and round; one file at a time is in memory.

    With ``ranks`` processes, rows are dealt out in turn.

    Args:
        files: where they come from.
        dtype: of the batches.
        seed: of the order of the files, and of the rows of each: a new one each time around.
            None to keep to that of the list and of the files.
        rank: which of the processes this is.
        ranks: how many there are.
    """

    def __init__(
        self,
        files: Hdf5Files,
        dtype: DTypeLike = np.float32,
        *,
        seed: int | None = None,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self._files, self._dtype = files, dtype
        self._seed, self._rank, self._ranks = seed, rank, ranks
        self._total = int(files.rows.sum())
        self._at: tuple[int, int] | None = None  # round, and place in its order, of what is held
        self._file: int | None = None
        self._held: list[HostArray] = []

    def __call__(self, batch: Rows, number: int, stopped: Callable[[], bool]) -> None:
        """Fill ``batch`` as the ``number``-th, from 0; leave it half done when ``stopped``.

        Raises:
            DataError: a file cannot be read any more.
        """
        size, done = len(batch.arrays[0]), 0
        wanted = self._rank + (number * size + np.arange(size)) * self._ranks
        while done < size and not stopped():
            epoch, row = divmod(int(wanted[done]), self._total)
            order = self._order(len(self._files), epoch, 3)
            ends = self._files.rows[order].cumsum()
            place = int(ends.searchsorted(row, "right"))
            end = epoch * self._total + int(ends[place])
            self._hold(epoch, place, int(order[place]))
            part = slice(done, done + int(wanted[done:].searchsorted(end)))
            taken = self._taken[wanted[part] - end]  # counted from the end, so below 0
            for array, held in zip(batch.arrays, self._held, strict=True):
                held.take(taken, axis=0, out=array[part], mode="clip")
            done = part.stop

    def close(self) -> None:
        """Forget the file in memory."""
        self._at, self._file, self._held = None, None, []

    def _order(self, size: int, *key: int) -> HostArray:
        if self._seed is None:
            return np.arange(size)
        return np.random.default_rng([self._seed, *key]).permutation(size)

    def _hold(self, epoch: int, place: int, index: int) -> None:
        """Have file ``index`` in memory, and the order of its rows in this round."""
        if self._at == (epoch, place):
            return
        if self._file != index:
            self.close()
            self._held = self._files.read(index, self._dtype)
            self._file = index
        self._taken = self._order(int(self._files.rows[index]), epoch, 4, index)
        self._at = epoch, place


def _paths(name: str) -> list[tuple[str, str]]:
    """(path, which line) of each file that the text file ``name`` lists."""
    path = Path(name)
    if path.is_file():
        with path.open("rb") as file:
            if file.read(len(HEAD)) == HEAD:
                raise DataError(
                    "is an HDF5 file, expected a text file that lists such files, one a line", name
                )
    found: list[tuple[str, str]] = []
    for number, line in read_lines(name, "HDF5 files"):
        # the original splits at every space, so that a line may list several
        words = [line] if Path(line).exists() else line.split()
        found.extend((word, f"line {number}") for word in words)
    return found


def _opened(path: str, source: str, key: str) -> Any:
    """The file ``path``, to be used in ``with``.

    Raises:
        DataError: it cannot be opened.
    """
    try:
        return closing(h5py.File(path, "r"))
    except OSError as error:
        raise DataError(f"{path} {_why_not(Path(path), error)}", source, key) from error


def _why_not(path: Path, error: OSError) -> str:
    if not path.exists():
        where = "" if path.is_absolute() else f", looked for in {Path.cwd()}"
        return f"is missing: no such file{where}"
    if path.is_dir():
        return "is a folder, expected an HDF5 file"
    if not h5py.is_hdf5(path):
        return "is no HDF5 file, or is damaged"
    return f"cannot be opened: {error}"
