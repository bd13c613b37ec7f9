"""Files: read them whole, and tell text from binary, with errors that help."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import IO

from minicaffe.errors import PrototxtError
from minicaffe.proto.diagnosis import other_byte

StrPath = str | os.PathLike[str]

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAD = 4096  # bytes that are looked at to tell a file's kind
_TEXT_CONTROLS = frozenset(b"\t\n\v\f\r\x1a")  # \x1a: the end of a text, to DOS


def open_file(path: StrPath) -> IO[bytes]:
    """``path`` opened for reading; the names of the folder it is not in are suggested.

    Raises:
        PrototxtError: it is missing, a directory, or may not be read.
    """
    try:
        return open(path, "rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise PrototxtError(_why_not(Path(path), error), str(path)) from None


def kind(head: bytes) -> str:
    """What a file that starts with ``head`` is: "HDF5", "binary" or "text"."""
    if head.startswith(HDF5_SIGNATURE):
        return "HDF5"
    controls = any(byte < 0x20 and byte not in _TEXT_CONTROLS for byte in head)
    return "binary" if controls else "text"


def load_text(path: StrPath, most: int) -> str:
    """The text of the file, with ``\\n`` at the ends of lines; other bytes only in comments.

    Raises:
        PrototxtError: there is no such file, it is no text, or over ``most`` bytes.
    """
    with open_file(path) as file:
        head = file.read(HEAD)
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise PrototxtError("is UTF-16 text, expected UTF-8: save it as UTF-8", str(path))
        if (found := kind(head)) != "text":
            why = "weights belong to -weights, a solver's state to -snapshot"
            article = "an" if found == "HDF5" else "a"
            raise PrototxtError(
                f"is {article} {found} file, expected a definition as text: {why}", str(path)
            )
        data = head + file.read(most + 1 - len(head))
    if len(data) > most:
        raise PrototxtError(
            f"is of over {most >> 20} MB, expected less: a definition is some kilobytes, and "
            "weights belong into a .caffemodel",
            str(path),
        )
    data = data.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\x1a")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode(errors="surrogateescape")
        if other := other_byte(text):
            place, why = other
            raise PrototxtError(why, str(path), *place) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _why_not(path: Path, error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        here = "" if path.is_absolute() else f", looked for in {Path.cwd()}"
        return f"no such file{here}{_close_names(path)}"
    if isinstance(error, IsADirectoryError):
        return "is a directory, expected a file"
    if isinstance(error, PermissionError):
        return "may not be read: permission denied"
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"


def _close_names(path: Path) -> str:
    """Names in the nearest folder that is there, close to the one that is not."""
    wanted, folder = path.name, path.parent
    while not folder.is_dir() and folder != folder.parent:
        wanted, folder = folder.name, folder.parent
    try:
        names = difflib.get_close_matches(wanted, os.listdir(folder), n=3)
    except OSError:
        return ""
    return f": did you mean {' or '.join(repr(str(folder / n)) for n in names)}?" if names else ""
