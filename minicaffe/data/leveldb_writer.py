"""Writing a LevelDB that is either whole or not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from minicaffe.data.chunks import chunks
from minicaffe.data.leveldb_library import load_plyvel
from minicaffe.data.whole_folder import reason, whole_folder
from minicaffe.errors import DataError

OPTIONS = {"block_size": 1 << 16, "write_buffer_size": 1 << 26}  # bytes; blocks as the original


def write_leveldb(
    path: str | Path,
    records: Iterable[tuple[bytes, bytes]],
    on_written: Callable[[int], None] = lambda count: None,
) -> int:
    """Write ``records`` to a new LevelDB at ``path``, in place of the one that may be there.

    As ``write_lmdb``: nothing that happens on the way leaves half a database under ``path``.

    Raises:
        DataError: it cannot be written, a key is not greater than the one before, or plyvel is
            not installed.
    """
    plyvel = load_plyvel(str(path))
    path = Path(path)
    try:
        with whole_folder(path) as folder:
            with plyvel.DB(str(folder), create_if_missing=True, **OPTIONS) as database:
                count = _write(database, records, on_written, str(path))
            # opened again, it takes over what is still in its log: readers need not do it
            plyvel.DB(str(folder), **OPTIONS).close()
            for name in ("LOCK", "LOG", "LOG.old"):
                (folder / name).unlink(missing_ok=True)
            return count
    except (OSError, plyvel.Error) as error:
        raise DataError(f"cannot be written: {reason(error)}", str(path)) from error


def _write(
    database: Any,
    records: Iterable[tuple[bytes, bytes]],
    on_written: Callable[[int], None],
    name: str,
) -> int:
    count = 0
    for chunk in chunks(records, name):
        with database.write_batch() as batch:
            for key, value in chunk:
                batch.put(key, value)
        count += len(chunk)
        on_written(len(chunk))
    return count
