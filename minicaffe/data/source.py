"""Sources of records, and which of them a definition asks for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from minicaffe.errors import DataError, LayerConfigError, did_you_mean
from minicaffe.proto.minicaffe_pb2 import DataParameter

Record = TypeVar("Record", covariant=True)
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


def open_database(param: DataParameter) -> Source[bytes]:
    """The database that ``param`` names, opened for reading.

    Raises:
        DataError: there is none, or it is damaged or of another kind.
        LayerConfigError: ``backend`` is not that of the database, or is LevelDB.
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
    raise LayerConfigError(
        "backend is LEVELDB, expected LMDB: this version reads no LevelDB; convert the database"
    )


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
    return "; `minicaffe data mnist` makes it" if "mnist" in path.name.lower() else ""
