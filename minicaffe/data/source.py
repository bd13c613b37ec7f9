"""Sources of records, and which of them a definition asks for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from minicaffe.errors import DataError, LayerConfigError, did_you_mean
from minicaffe.proto.minicaffe_pb2 import DataParameter

Record = TypeVar("Record", covariant=True)
T = TypeVar("T")
SETS = ("fashion-mnist", "mnist", "cifar100", "cifar10")  # of ``minicaffe data``
LMDB_FILE, LEVELDB_FILE = "data.mdb", "CURRENT"  # that every database of the kind has


class Source(Protocol[Record]):
    """Records in a fixed order, each with a key that tells a user which it is.

    Attributes:
        name: what a definition calls it; led errors.
    """

    name: str

    def __len__(self) -> int:
        """Number of records, at least 1."""

    def records(self, start: int, step: int = 1) -> Iterator[tuple[bytes, Record]]:
        """(key, record) of every ``step``-th record from number ``start``, round and round.

        Numbers go on past the end: record ``len`` is record 0 again.
        """

    def close(self) -> None:
        """Release files; iterators of ``records`` are not to be used any more."""


@runtime_checkable
class IndexedSource(Source[Record], Protocol[Record]):
    """A source that can find records, and look at them without reading the whole of each."""

    def select(self, numbers: Iterable[int]) -> Iterator[tuple[bytes, Record]]:
        """(key, record) of each of ``numbers``, which are less than the number of records."""

    def keys(self) -> Iterator[bytes]:
        """The key of each record, in order."""

    def scan(self, look: Callable[[bytes, Any], T]) -> Iterator[T]:
        """``look(key, record)`` of each record, in order; it is bytes, or a view of bytes."""

    def expect(self, first: int, last: int) -> None:
        """Records ``first`` to ``last`` are wanted soon, in any order."""


def open_database(param: DataParameter) -> IndexedSource[bytes]:
    """The database that ``param`` names, opened for reading.

    Raises:
        DataError: there is none, or it is damaged or of another kind.
        LayerConfigError: ``backend`` is not that of the database.
    """
    kind = _kind(param.source)
    if param.backend == DataParameter.LMDB:
        if kind == "LevelDB":
            raise DataError("is a LevelDB, expected an LMDB as backend says", param.source)
        from minicaffe.data.lmdb_source import LmdbSource  # lmdb is loaded where it is needed

        return LmdbSource(param.source)
    if kind == "LMDB":
        found = "LEVELDB" if param.HasField("backend") else "not given, which means LEVELDB"
        raise LayerConfigError(
            f"backend is {found}, but {param.source} is an LMDB: write backend: LMDB"
        )
    from minicaffe.data.leveldb_source import LevelDbSource

    return LevelDbSource(param.source)


def _kind(source: str) -> str | None:
    """What the folder ``source`` is, as far as the files in it tell.

    Raises:
        DataError: it is no folder.
    """
    path = Path(source)
    if not path.is_dir():
        raise DataError(_why_not(path), source)
    if (path / LMDB_FILE).exists():
        return "LMDB"
    return "LevelDB" if (path / LEVELDB_FILE).exists() else None


def _why_not(path: Path) -> str:
    """Why ``path`` is no database: what is there, what was meant, how it is made."""
    if path.exists():
        return f"is a file, expected the folder of a database{_parent(path)}"
    where = "" if path.is_absolute() else f", looked for in {Path.cwd()}"
    return f"no such database{where}{_close_databases(path)}{_recipe(path)}"


def _parent(path: Path) -> str:
    return f": did you mean {str(path.parent)!r}?" if path.name == LMDB_FILE else ""


def _close_databases(path: Path) -> str:
    """The databases in the nearest folder that is there."""
    wanted, folder = path.name, path.parent
    while not folder.is_dir():
        wanted, folder = folder.name, folder.parent
    try:
        found = [
            str(folder / entry.name)
            for entry in os.scandir(folder)
            if any(os.path.exists(os.path.join(entry, name)) for name in (LMDB_FILE, LEVELDB_FILE))
        ]
    except OSError:
        return ""
    return f": {did_you_mean(str(folder / wanted), found)}" if found else ""


def _recipe(path: Path) -> str:
    name = re.sub("[_-]", "", path.name.lower())
    sets = [each for each in SETS if each.replace("-", "") in name]
    return f"; `minicaffe data {sets[0]}` makes it" if sets else ""
