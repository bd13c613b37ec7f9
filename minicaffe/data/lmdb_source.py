"""LMDB: the database that most Caffe definitions read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import lmdb

from minicaffe import glog
from minicaffe.data.lmdb_pages import LmdbPages
from minicaffe.data.source import LMDB_FILE
from minicaffe.errors import DataError

T = TypeVar("T")
NEAR = 16  # records: so far it is shorter to step on than to look for a key


class LmdbSource:
    """The records of an LMDB in the order of their keys; see ``Source``.

    Opened read-only and without a lock file, so that it may lie where nothing can be written;
    whoever rewrites it meanwhile must do so under another name. Its pages are verified before
    the library reads them; see ``LmdbPages``.

    Attributes:
        identity: the same for any source of the same records.

    Raises:
        DataError: there is none at ``name``, or it is damaged, cut short or empty.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._database: _Database | None
        self._database, self.identity = _open(name)
        self._len = len(self._database.pages)

    def __len__(self) -> int:
        return self._len

    def records(self, start: int, step: int = 1) -> Iterator[tuple[bytes, bytes]]:
        """(key, record) of every ``step``-th record from number ``start``, round and round."""
        return self._opened().records(start % self._len, step)

    def select(self, numbers: Iterable[int]) -> Iterator[tuple[bytes, bytes]]:
        """(key, record) of each of ``numbers``, which are less than the number of records."""
        return self._opened().select(numbers)

    def keys(self) -> Iterator[bytes]:
        """The key of each record, in order."""
        return self._opened().pages.keys()

    def scan(self, look: Callable[[bytes, memoryview], T]) -> Iterator[T]:
        """``look(key, record)`` of each record, in order; only what it looks at is read."""
        return self._opened().pages.scan(look)

    def expect(self, first: int, last: int) -> None:
        """Records ``first`` to ``last`` are wanted soon: have the system read them."""
        self._opened().pages.expect(first, last)

    def close(self) -> None:
        """Release the database; the last of those that share it, iterators too, closes it."""
        self._database = None

    def _opened(self) -> _Database:
        if self._database is None:
            raise DataError("has been closed", self.name)
        return self._database


class _Database:
    """What those that read one database share; it is closed when nobody has it any more."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.pages = LmdbPages(name)
        if not len(self.pages):
            raise DataError("the database is empty, expected at least one record", name)
        try:
            self._environment = lmdb.open(name, readonly=True, lock=False, create=False)
        except lmdb.Error as error:
            reason = str(error).rpartition(": ")[2]
            raise DataError(f"cannot be opened: {reason}", name) from error

    def records(self, number: int, step: int) -> Iterator[tuple[bytes, bytes]]:
        """From record ``number``, which is less than their number; as ``Source``."""
        pages, size = self.pages, len(self.pages)
        with self._cursor() as cursor:
            self._go(cursor, number)
            limit = pages.verify(number + 1)
            while True:
                yield cursor.item()
                for _ in range(step):
                    number += 1
                    if number == size:
                        glog.info("data_layer.cpp:73", "Restarting data prefetching from start.")
                        number = 0
                        cursor.first()
                        continue
                    if number >= limit:
                        limit = pages.verify(number + 1)
                    cursor.next()

    def select(self, numbers: Iterable[int]) -> Iterator[tuple[bytes, bytes]]:
        """As ``LmdbSource``."""
        at = -NEAR
        with self._cursor() as cursor:
            for number in numbers:
                if 0 <= number - at < NEAR:
                    self.pages.verify(number + 1)
                    for _ in range(number - at):
                        cursor.next()
                else:
                    self._go(cursor, number)
                at = number
                yield cursor.item()

    def _go(self, cursor: Any, number: int) -> None:
        if not cursor.set_key(self.pages.key(number)):
            raise DataError(
                f"{LMDB_FILE}: record {number:,} cannot be found: copy or make the database again",
                self._name,
            )

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        try:
            with self._environment.begin() as transaction, transaction.cursor() as cursor:
                yield cursor
        except lmdb.Error as error:
            raise DataError(f"cannot be read: {error}", self._name) from error


# LMDB refuses to open a database twice in one process, but train and test nets may share one
_databases: WeakValueDictionary[tuple[int, ...], _Database] = WeakValueDictionary()
_opening = Lock()


def _open(name: str) -> tuple[_Database, tuple[int, ...]]:
    """The database at ``name``, shared with whoever has it open; what says that it is the same."""
    try:
        status = Path(name, LMDB_FILE).stat()
    except OSError as error:
        raise DataError(f"no LMDB: {LMDB_FILE}: {error.strerror}", name) from error
    identity = status.st_dev, status.st_ino, status.st_mtime_ns
    with _opening:
        database = _databases.get(identity[:2])
        if database is None:
            database = _databases[identity[:2]] = _Database(name)
    return database, identity
