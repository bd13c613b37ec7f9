"""Writing an LMDB that is either whole or not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import lmdb

from minicaffe.data.chunks import chunks
from minicaffe.data.image import key_text
from minicaffe.data.whole_folder import reason, whole_folder
from minicaffe.errors import DataError

MAP_SIZE = 1 << 26  # bytes to begin with; doubled whenever it is full
_SHOWN = 80  # bytes of a key in an error


def write_lmdb(
    path: str | Path,
    records: Iterable[tuple[bytes, bytes]],
    on_written: Callable[[int], None] = lambda count: None,
) -> int:
    """Write ``records`` to a new LMDB at ``path``, in place of the one that may be there.

    They are written to a folder beside it that takes its name at the end, when all of it is on
    the disk: nothing that happens before leaves half a database under ``path``.

    Args:
        path: the database's folder; the folder that it lies in is made too.
        records: (key, value), in rising order of the keys.
        on_written: called with the number of records of each transaction.

    Returns:
        How many records there are.

    Raises:
        DataError: it cannot be written, or a key is not greater than the one before.
    """
    path = Path(path)
    try:
        with whole_folder(path) as folder:
            return _write(folder, records, on_written, str(path))
    except (OSError, lmdb.Error) as error:
        raise DataError(f"cannot be written: {reason(error)}", str(path)) from error


def _write(
    folder: Path,
    records: Iterable[tuple[bytes, bytes]],
    on_written: Callable[[int], None],
    name: str,
) -> int:
    # not synced at every commit: nobody reads it before all is there, and then it is, once
    environment = lmdb.open(str(folder), map_size=MAP_SIZE, mode=0o644, lock=False, sync=False)
    with environment:
        for chunk in chunks(records, name):
            while not _commit(environment, chunk, name):
                environment.set_mapsize(environment.info()["map_size"] * 2)
            on_written(len(chunk))
        count: int = environment.stat()["entries"]
        return count


def _commit(environment: Any, chunk: list[tuple[bytes, bytes]], name: str) -> bool:
    """Write ``chunk``, or nothing and return False where the map is full."""
    key = b""
    try:
        with environment.begin(write=True) as transaction:
            for key, value in chunk:
                transaction.put(key, value, append=True)
    except lmdb.MapFullError:
        return False
    except lmdb.BadValsizeError as error:
        raise DataError(
            f"key has {len(key):,} bytes, expected 1 to {environment.max_key_size()}: LMDB takes "
            "no other",
            name,
            key_text(key[:_SHOWN]),
        ) from error
    return True
