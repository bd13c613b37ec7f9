"""Folders that are whole or not there: what the writers of databases share."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minicaffe.files import lock, sync

_LONGEST = 200  # characters of a name that go into a temporary one: file systems take 255 bytes


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to write files in; it becomes ``path`` when all of them are on the disk.

    It lies beside ``path``, whose folder is made too, and is gone after an error; what was at
    ``path`` goes away only when the new one is there. What killed runs left is removed first.
    Where ``path`` is a link, what it names is replaced, and the link stays.

    Raises:
        OSError: it cannot be made, or not take its name.
    """
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name[:_LONGEST]}."
    _finish_killed(path, prefix)
    handle, temporary = locked_folder(path.parent, prefix)
    try:
        yield temporary
        for file in temporary.iterdir():
            sync(file)
        sync(temporary)
        _move(temporary, path)
    except Exception as error:
        with suppress(OSError):  # now: what is removed next is free again
            error.add_note(f"{shutil.disk_usage(temporary).free / 1e6:,.0f} MB free there")
        raise
    finally:
        os.close(handle)
        shutil.rmtree(temporary, ignore_errors=True)


def locked_folder(parent: Path, prefix: str, mode: int = 0o777) -> tuple[int, Path]:
    """A new folder in ``parent``, locked as long as the descriptor is open; its name.

    Those that were made so by processes that are no more are removed: nobody has them locked.

    Raises:
        OSError: it cannot be made.
    """
    for left in _matching(parent, prefix, "tmp"):
        if _is_dead(left):
            shutil.rmtree(left, ignore_errors=True)
    while True:
        path = parent / f"{prefix}{secrets.token_hex(4)}.tmp"
        path.mkdir(mode)
        handle = os.open(path, os.O_RDONLY)
        lock(handle)
        if path.exists():  # or it was taken for a leftover before it was locked
            return handle, path
        os.close(handle)


def reason(error: Exception) -> str:
    """What went wrong, and what was free: a full disk may show as an "input/output error"."""
    text = (isinstance(error, OSError) and error.strerror) or str(error)
    if error.args and isinstance(error.args[0], bytes):  # plyvel's
        text = error.args[0].decode(errors="replace")
    notes = getattr(error, "__notes__", [])
    return f"{text} ({', '.join(notes)})" if notes else text


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
    sync(path.parent)
    _remove(old)


def _finish_killed(path: Path, prefix: str) -> None:
    """Undo the moves of processes that were killed between one and the other."""
    for old in _matching(path.parent, prefix, "tmp.old"):
        if _is_dead(old.with_suffix("")):
            with suppress(OSError):
                if path.exists():
                    _remove(old)
                else:
                    old.replace(path)


def _matching(parent: Path, prefix: str, end: str) -> list[Path]:
    pattern = re.compile(rf"{re.escape(prefix)}[0-9a-f]{{8}}\.{re.escape(end)}")
    return [path for path in parent.iterdir() if pattern.fullmatch(path.name)]


def _is_dead(path: Path) -> bool:
    """Nobody is writing the folder ``path``."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        return lock(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
