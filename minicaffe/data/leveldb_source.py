"""LevelDB: the database that a definition reads where it names no backend."""

from __future__ import annotations

import os
import shutil
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from minicaffe import glog
from minicaffe.data.image import key_text
from minicaffe.data.leveldb_files import link_files
from minicaffe.data.leveldb_library import load_plyvel
from minicaffe.data.milestones import Milestones
from minicaffe.data.source import LEVELDB_FILE
from minicaffe.errors import DataError

T = TypeVar("T")
NEAR = 64  # records: so far it is shorter to step on than to look for a key
LOG = 1 << 26  # bytes of the log that go into one table, where a log is left to take over


class LevelDbSource:
    """The records of a LevelDB in the order of their keys; see ``Source``.

    LevelDB writes wherever it opens a database, and lets one process alone. So it is shown a
    folder of links to the files, in the place for temporary files: the database may lie where
    nothing can be written, and any number of processes may read it. The first pass verifies it.

    Attributes:
        identity: the same for any source of the same records.

    Raises:
        DataError: there is none at ``name``, or it is damaged, empty or being written, or
            plyvel is not installed.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._database: _Database | None
        self._database, self.identity = _open(name)

    def __len__(self) -> int:
        """Number of records; LevelDB does not know, and all keys are read, the first time."""
        return len(self._opened().milestones)

    def records(self, start: int, step: int = 1) -> Iterator[tuple[bytes, bytes]]:
        """(key, record) of every ``step``-th record from number ``start``, round and round."""
        return self._opened().records(start, step)

    def select(self, numbers: Iterable[int]) -> Iterator[tuple[bytes, bytes]]:
        """(key, record) of each of ``numbers``, which are less than the number of records."""
        return self._opened().select(numbers)

    def keys(self) -> Iterator[bytes]:
        """The key of each record, in order."""
        return self._opened().reader.keys()

    def scan(self, look: Callable[[bytes, bytes], T]) -> Iterator[T]:
        """``look(key, record)`` of each record, in order."""
        return (look(key, cursor.value()) for key, cursor in self._opened().reader.read())

    def expect(self, first: int, last: int) -> None:
        """LevelDB does not tell where records are."""

    def close(self) -> None:
        """Release the database; the last of those that share it, iterators too, closes it."""
        self._database = None

    def _opened(self) -> _Database:
        if self._database is None:
            raise DataError("has been closed", self.name)
        return self._database


class _Reader:
    """An open LevelDB, which goes when nobody has it any more."""

    def __init__(self, name: str) -> None:
        plyvel = load_plyvel(name)
        handle, folder = link_files(name)
        weakref.finalize(self, _remove, handle, folder)
        self._name, self._folder, self._error = name, str(folder), plyvel.Error
        try:
            self._database = plyvel.DB(str(folder), paranoid_checks=True, write_buffer_size=LOG)
        except plyvel.Error as error:
            raise self._damaged(error) from error
        if next(self.keys(), None) is None:
            raise DataError("the database is empty, expected at least one record", name)

    def keys(self, start: bytes | None = None) -> Iterator[bytes]:
        """All keys from ``start`` on."""
        return (key for key, _ in self.read(start))

    def read(
        self, start: bytes | None = None, *, verify: bool = True, cache: bool = False
    ) -> Iterator[tuple[bytes, Any]]:
        """Each key from ``start`` on, and a cursor that is at it.

        Args:
            start: None for the first key.
            verify: blocks have not been verified yet: it takes longer than all else.
            cache: what lies near is likely to be read again.
        """
        key = None
        try:
            cursor = self._database.raw_iterator(verify_checksums=verify, fill_cache=cache)
            if start is None:
                cursor.seek_to_first()
            else:
                cursor.seek(start)
            while cursor.valid():
                key = cursor.key()
                yield key, cursor
                cursor.next()
        except self._error as error:
            raise self._damaged(error, key) from error

    def _damaged(self, error: Exception, key: bytes | None = None) -> DataError:
        """What LevelDB says, with the database's own name, and after which key."""
        said = error.args[0] if error.args else ""
        reason = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        reason = reason.replace(self._folder, self._name)
        after = "" if key is None else f"after {key_text(key)}"
        if reason.startswith("Corruption"):
            reason += "; copy or make the database again"
        return DataError(f"cannot be read: {reason}", self._name, after)


class _Database:
    """What those that read one database share."""

    def __init__(self, name: str) -> None:
        self.reader = _Reader(name)
        self.milestones = Milestones(self.reader.keys)
        self._verified = False  # all of it

    def records(self, start: int, step: int) -> Iterator[tuple[bytes, bytes]]:
        """As ``Source``."""
        wait, first = start, None
        if start:
            _, first, wait = self.milestones.locate(start)
        while True:
            for key, cursor in self.reader.read(first, verify=not self._verified):
                if not wait:
                    yield key, cursor.value()
                    wait = step
                wait -= 1
            glog.info("data_layer.cpp:73", "Restarting data prefetching from start.")
            self._verified = self._verified or first is None
            first = None

    def select(self, numbers: Iterable[int]) -> Iterator[tuple[bytes, bytes]]:
        """As ``LevelDbSource``."""
        at, cursors = -NEAR, self.reader.read()
        for number in numbers:
            _, first, steps = self.milestones.locate(number)  # verifies all up to there
            if not 0 < number - at < NEAR:
                cursors = self.reader.read(first, verify=False, cache=True)
                at = number - steps - 1
            for _ in range(number - at - 1):
                next(cursors)
            key, cursor = next(cursors)
            at = number
            yield key, cursor.value()


# one for all of a process: each opening costs time and a folder
_databases: WeakValueDictionary[tuple[int, ...], _Database] = WeakValueDictionary()
_opening = Lock()


def _open(name: str) -> tuple[_Database, tuple[int, ...]]:
    """The database at ``name``, shared with whoever has it open; what says that it is the same."""
    try:
        status = os.stat(os.path.join(name, LEVELDB_FILE))
    except OSError as error:
        raise DataError(f"no LevelDB: {LEVELDB_FILE}: {error.strerror}", name) from error
    identity = status.st_dev, status.st_ino, status.st_mtime_ns
    with _opening:
        database = _databases.get(identity[:2])
        if database is None:
            database = _databases[identity[:2]] = _Database(name)
    return database, identity


def _remove(handle: int, folder: Path) -> None:
    os.close(handle)
    shutil.rmtree(folder, ignore_errors=True)
