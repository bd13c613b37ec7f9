"""Writing an LMDB that is either whole or not there."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import lmdb

from minicaffe.data.image import key_text
from minicaffe.data.source import LMDB_FILE
from minicaffe.errors import DataError

COMMIT = 1000  # records a transaction, as the original's converters
MAP_SIZE = 1 << 26  # bytes to begin with; doubled whenever it is full


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
    temporary = path.with_name(f".{secrets.token_hex(4)}-{path.name}")
    try:
        temporary.mkdir(parents=True)
        count = _write(temporary, records, on_written, str(path))
        _sync(temporary / LMDB_FILE)
        _sync(temporary)
        _move(temporary, path)
    except (OSError, lmdb.Error) as error:
        raise DataError(f"cannot be written: {_reason(error, path)}", str(path)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return count


def _write(
    folder: Path,
    records: Iterable[tuple[bytes, bytes]],
    on_written: Callable[[int], None],
    name: str,
) -> int:
    # not synced at every commit: nobody reads it before all is there, and then it is, once
    environment = lmdb.open(str(folder), map_size=MAP_SIZE, mode=0o644, lock=False, sync=False)
    with environment:
        rest = iter(records)
        while batch := list(islice(rest, COMMIT)):
            while not _commit(environment, batch, name):
                environment.set_mapsize(environment.info()["map_size"] * 2)
            on_written(len(batch))
        count: int = environment.stat()["entries"]
        return count


def _commit(environment: Any, batch: list[tuple[bytes, bytes]], name: str) -> bool:
    """Write ``batch``, or nothing and return False where the map is full."""
    try:
        with environment.begin(write=True) as transaction:
            for key, value in batch:
                if not transaction.put(key, value, append=True):
                    raise DataError("is not greater than the key before it", name, key_text(key))
    except lmdb.MapFullError:
        return False
    return True


def _move(temporary: Path, path: Path) -> None:
    """Give ``temporary`` the name ``path``; what had it goes away only when that is done."""
    old = temporary.with_name(f"{temporary.name}.old")
    with suppress(FileNotFoundError):
        path.replace(old)
    try:
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            old.replace(path)
        raise
    _sync(path.parent)
    if old.is_dir():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: Exception, path: Path) -> str:
    """What went wrong, and what is free: a full disk may show as an "input/output error"."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        return reason or str(error)
    return f"{reason or error} ({free / 1e6:,.0f} MB free there)"
