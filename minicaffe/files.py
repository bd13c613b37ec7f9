"""Writing files so that a crash or a full disk never leaves half of one under its name."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minicaffe.errors import WeightsError

try:
    import fcntl
except ImportError:  # not POSIX: what a killed run leaves stays
    fcntl = None  # type: ignore[assignment]

_LONGEST = 200  # characters of a name that go into a temporary one: file systems take 255 bytes


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary name to write; it becomes ``path`` when all of it is on the disk.

    Where ``path`` is a link, the file that it names is replaced, and the link stays.

    Raises:
        WeightsError: the folder is missing or cannot be written, the disk is full, or ``path``
            is no file but a device, say; what was at ``path`` is as it was.
    """
    path = Path(os.path.realpath(path) if os.path.islink(path) else path)
    if path.exists() and not path.is_file():
        raise WeightsError(f"cannot write {path}: it is there and is not a regular file")
    try:
        handle, temporary = _create(path)
    except OSError as error:
        raise WeightsError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        yield temporary
        sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        sync(path.parent)
    except OSError as error:
        raise WeightsError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        os.close(handle)
        with suppress(OSError):
            temporary.unlink()


def sync(path: Path) -> None:
    """Wait until the file or folder ``path`` is on the disk.

    Raises:
        OSError: it cannot be written there.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(prefix: str | Path) -> list[Path]:
    """Remove what runs that were killed left of files whose names start with ``prefix``.

    A file that some process is still writing is locked by it, and stays.

    Returns:
        What has been removed.
    """
    prefix = Path(prefix)
    pattern = re.compile(re.escape(f".{prefix.name[:_LONGEST]}") + r".*\.[a-z0-9_]{8}\.tmp")
    with suppress(OSError):
        found = [path for path in prefix.parent.iterdir() if pattern.fullmatch(path.name)]
        return [path for path in found if _unlink_unlocked(path)]
    return []


def _create(path: Path) -> tuple[int, Path]:
    """A new file beside ``path``, locked as long as the descriptor is open."""
    while True:
        handle, name = tempfile.mkstemp(
            prefix=f".{path.name[:_LONGEST]}.", suffix=".tmp", dir=path.parent
        )
        lock(handle, wait=True)
        if Path(name).exists():  # or it was taken for a leftover before it was locked
            return handle, Path(name)
        os.close(handle)


def lock(handle: int, *, wait: bool = False) -> bool:
    """Lock the open file or folder for as long as the descriptor is open.

    Returns:
        It is; False where another process has it, or the system or the file system has no locks.
    """
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # another has it, or the file system has no locks
        return False
    return True


def _unlink_unlocked(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        if not lock(handle, wait=False):
            return False
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
