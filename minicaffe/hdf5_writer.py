"""HDF5 files, written as the original writes them.

After: src/caffe/util/hdf5.cpp.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np


@contextmanager
def writing(path: str | Path) -> Iterator[Any]:
    """A new file at ``path``, in the oldest of HDF5's forms, which every Caffe reads.

    Raises:
        OSError: it cannot be written.
    """
    import h5py

    with open(path, "w+b") as raw:
        steady = _Steady(raw)
        with h5py.File(steady, "w", libver="earliest") as file:
            yield file
        steady.flush()
        if steady.error is not None:
            raise steady.error


class _Steady:
    """A file for HDF5 to write, whose errors come out at the end.

    A file that it cannot close, for the disk is full, HDF5 keeps half open, and the next one that
    is closed takes the process with it.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: memoryview) -> int:
        """Write all of ``data``, or remember why not."""
        with self._remembering():
            self._file.write(data)
        return len(data)

    def flush(self) -> None:
        """Write what is still in the buffer, or remember why not."""
        with self._remembering():
            self._file.flush()

    def truncate(self, size: int | None = None) -> int:
        """Let the file end at ``size``, or remember why not."""
        with self._remembering():
            self._file.truncate(size)
        return size or 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of any file."""
        with self._remembering():
            return self._file.seek(offset, whence)
        return offset

    def tell(self) -> int:
        """As of any file."""
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        """As of any file; h5py asks whether this is one by it."""
        return self._file.read(size)

    def readinto(self, buffer: memoryview) -> int:
        """As of any file; zeros past its end."""
        with self._remembering():
            return self._file.readinto(buffer)  # type: ignore[attr-defined,no-any-return]
        return len(buffer)

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = self.error or error


def write_int(group: Any, name: str, value: int) -> None:
    """As the original writes a number: an array of one."""
    group.create_dataset(name, data=np.array([value], "<i4"))


def write_string(group: Any, name: str, text: str) -> None:
    """As the original writes a text: ended by a zero, which its reader needs."""
    import h5py

    data = text.encode() + b"\0"
    kind = h5py.h5t.C_S1.copy()  # of the kind that a zero ends
    kind.set_size(len(data))
    space = h5py.h5s.create(h5py.h5s.SCALAR)
    dataset = h5py.h5d.create(group.id, name.encode(), kind, space)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array(data, f"S{len(data)}"), mtype=kind)
