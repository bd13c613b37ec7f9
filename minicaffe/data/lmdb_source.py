"""LMDB: the database that most Caffe definitions read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import lmdb

from minicaffe import log
from minicaffe.data.source import LMDB_FILE
from minicaffe.errors import DataError

# LMDB refuses to open a database twice in one process, but train and test nets may share one
_environments: WeakValueDictionary[tuple[int, int], Any] = WeakValueDictionary()


class LmdbSource:
    """The records of an LMDB in the order of their keys; see ``Source``.

    Opened read-only and without a lock file, so that it may lie where nothing can be written;
    whoever rewrites it meanwhile must do so under another name.

    Raises:
        DataError: there is none at ``name``, or it is damaged, cut short or empty.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._environment = _open(name)
        self._len: int = self._environment.stat()["entries"]
        if self._len == 0:
            raise DataError("the database is empty, expected at least one record", name)

    def __len__(self) -> int:
        return self._len

    def records(self, start: int, step: int = 1) -> Iterator[tuple[bytes, bytes]]:
        """(key, record) of every ``step``-th record from number ``start``, round and round."""
        try:
            with self._environment.begin() as transaction, transaction.cursor() as cursor:
                cursor.first()
                for _ in range(start % self._len):
                    cursor.next()
                while True:
                    yield cursor.item()
                    for _ in range(step):
                        if not cursor.next():
                            log.info("data_layer.cpp:73", "Restarting data prefetching from start.")
                            cursor.first()
        except lmdb.Error as error:
            raise DataError(f"cannot be read: {error}", self.name) from error

    def close(self) -> None:
        """Release the database; the last of those that share it closes it."""
        self._environment = None


def _open(name: str) -> Any:
    """The environment at ``name``, shared with whoever has it open."""
    file = Path(name, LMDB_FILE)
    try:
        status = file.stat()
    except OSError as error:
        raise DataError(f"no LMDB: {LMDB_FILE}: {error.strerror}", name) from error
    identity = status.st_dev, status.st_ino
    environment = _environments.get(identity)
    if environment is None:
        try:
            environment = lmdb.open(name, readonly=True, lock=False, create=False)
        except lmdb.Error as error:
            raise DataError(_why_not(file, error), name) from error
        _environments[identity] = environment
    _check_whole(name, environment)
    return environment


def _why_not(file: Path, error: Exception) -> str:
    if isinstance(error, lmdb.InvalidError) or not file.stat().st_size:
        return f"{LMDB_FILE} is no LMDB, or is cut short ({file.stat().st_size} bytes)"
    return f"cannot be opened: {str(error).rpartition(': ')[2]}"


def _check_whole(name: str, environment: Any) -> None:
    """Refuse a database that is shorter than it says.

    Pages are read through a memory map: one past the end of the file would end the process by
    SIGBUS, before any error can be raised.
    """
    expected = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    found = os.path.getsize(os.path.join(name, LMDB_FILE))
    if found < expected:
        raise DataError(
            f"{LMDB_FILE} is cut short: {found:,} bytes, expected at least {expected:,}; "
            "copy or make it again",
            name,
        )
