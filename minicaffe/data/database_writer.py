"""Writing a database of either kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from minicaffe.errors import DataError, did_you_mean

BACKENDS = ("lmdb", "leveldb")


def write_database(
    path: str | Path,
    records: Iterable[tuple[bytes, bytes]],
    backend: str = "lmdb",
    on_written: Callable[[int], None] = lambda count: None,
) -> int:
    """Write ``records`` to a new database at ``path``, in place of what may be there.

    It takes its name when all of it is on the disk; a run that was killed leaves nothing under
    that name, and what it left beside it is removed by the next.

    Args:
        path: the database's folder; the folder that it lies in is made too.
        records: (key, value), in rising order of the keys.
        backend: one of ``BACKENDS``, in any case.
        on_written: called with the number of records of each commit.

    Returns:
        How many records there are.

    Raises:
        DataError: it cannot be written, a key is not greater than the one before, or there is
            no such backend.
    """
    kind = backend.lower()
    if kind == "lmdb":
        from minicaffe.data.lmdb_writer import write_lmdb  # loaded where it is needed

        return write_lmdb(path, records, on_written)
    if kind == "leveldb":
        from minicaffe.data.leveldb_writer import write_leveldb

        return write_leveldb(path, records, on_written)
    raise DataError(
        f"backend is {backend!r}, expected one of these: {did_you_mean(backend, BACKENDS)}",
        str(path),
    )
