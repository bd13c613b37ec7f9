"""The files of a LevelDB: whether they are whole, and a folder in which LevelDB may open them.

After: the file formats that LevelDB documents (log, table).
"""

from __future__ import annotations

import os
import re
import struct
import tempfile
from pathlib import Path

from minicaffe.data.source import LEVELDB_FILE
from minicaffe.data.whole_folder import locked_folder
from minicaffe.errors import DataError

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None  # type: ignore[assignment]

_NAMES = re.compile(r"CURRENT|MANIFEST-\d+|\d+\.(log|ldb|sst)")
_FOOTER, _MAGIC = 48, bytes.fromhex("57fb808b247547db")  # bytes that end a table; the last of them
_TRAILER = 5  # bytes after each block of a table
_BLOCK, _HEADER = 1 << 15, struct.Struct("<IHB")  # of a log: bytes; checksum, size, kind
_LAST = (1, 4)  # kinds of the pieces that end a record


def link_files(name: str) -> tuple[int, Path]:
    """A folder of links to the files of the LevelDB ``name``; as ``locked_folder`` makes it.

    LevelDB writes where it opens a database: new files come into that folder, and of the old
    ones it removes the links.

    Raises:
        DataError: the database is damaged, another process has it open, or there is no room.
    """
    source = Path(name).resolve()
    try:
        _check_lock(source / "LOCK", name)
        files = [file for file in source.iterdir() if _NAMES.fullmatch(file.name)]
        for file in files:
            _check_file(file, name)
    except OSError as error:
        file_name = Path(error.filename or LEVELDB_FILE).name
        raise DataError(f"cannot be read: {file_name}: {error.strerror}", name) from error
    parent = Path(tempfile.gettempdir())
    try:
        handle, folder = locked_folder(parent, "minicaffe-leveldb.", 0o700)
        for file in files:
            (folder / file.name).symlink_to(file)
    except OSError as error:
        raise DataError(f"no folder for links to it in {parent}: {error.strerror}", name) from error
    return handle, folder


def _check_lock(path: Path, name: str) -> None:
    """Refuse a database that another process has open: it may be writing."""
    if fcntl is None or not path.exists() or not os.access(path, os.R_OK):
        return
    with path.open("rb") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            raise DataError(
                "another process has it open, to write perhaps: wait until it has ended", name
            ) from error


def _check_file(path: Path, name: str) -> None:
    """Refuse a file that is cut short, as far as its end tells."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        whole = True
        if path.suffix in (".ldb", ".sst"):
            file.seek(max(size - _FOOTER, 0))
            whole = _ends_table(file.read(), size)
        elif path.suffix == ".log" or path.name.startswith("MANIFEST"):
            whole = _ends_whole(path, size)
    if not whole:
        raise DataError(
            f"{path.name} is damaged or cut short ({size:,} bytes): copy or make the database "
            "again",
            name,
        )


def _ends_table(footer: bytes, size: int) -> bool:
    """``footer`` ends a table of ``size`` bytes, and points into it: LevelDB does not look."""
    if len(footer) < _FOOTER or not footer.endswith(_MAGIC):
        return False
    numbers, number, shift = [], 0, 0  # offset and size of two blocks, 7 bits a byte
    for byte in footer[: -len(_MAGIC)]:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
    ends = [sum(numbers[at : at + 2]) + _TRAILER for at in (0, 2)]
    return len(numbers) >= 4 and max(ends) <= size - _FOOTER


def _ends_whole(path: Path, size: int) -> bool:
    """The log ``path`` ends with a whole record; LevelDB would leave out the half of one."""
    at, kind = 0, _LAST[0]
    with path.open("rb") as file:
        while at < size:
            if _BLOCK - at % _BLOCK < _HEADER.size:  # too little room for a piece: empty
                at += _BLOCK - at % _BLOCK
                continue
            file.seek(at)
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                return False
            _, length, kind = _HEADER.unpack(header)
            if kind == 0:  # room that was taken ahead: nothing follows
                return True
            at += _HEADER.size + length
    return at == size and kind in _LAST
