"""Text files that list what a layer reads."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from minicaffe.errors import DataError, did_you_mean

MANY = 1000  # names in a folder: more are not searched for one that was meant
ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}  # as os.fsdecode reads paths


def read_lines(name: str, what: str) -> list[tuple[int, str]]:
    """(number, text) of each line of the text file ``name`` that is not blank.

    Args:
        name: the file; a relative one is looked for in the working directory.
        what: what its lines are, for errors.

    Raises:
        DataError: it cannot be read, has no such line, or is no text file.
    """
    path = Path(name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(_why_not(path, what, error), name) from error
    if b"\0" in content[:1024]:
        raise DataError(f"is no text file, expected one with {what}, one a line", name)
    text = content.decode(**ENCODING)
    lines = ((number, line.strip(" \t\r")) for number, line in enumerate(text.split("\n"), 1))
    found = [(number, line) for number, line in lines if line]
    if not found:
        raise DataError(f"the file is empty, expected {what}, one a line", name)
    return found


def _why_not(path: Path, what: str, error: OSError) -> str:
    if path.is_dir():
        return f"is a folder, expected a text file with {what}, one a line"
    if path.exists():
        return f"cannot be read: {error.strerror or error}"
    where = "" if path.is_absolute() else f", looked for in {Path.cwd()}"
    return f"no such file{where}{_close_files(path)}"


def _close_files(path: Path) -> str:
    """The files beside ``path`` whose names are like its own."""
    try:
        found = [
            str(other) for other in islice(path.parent.iterdir(), MANY) if path.suffix in other.name
        ]
    except OSError:
        return ""
    return f": {did_you_mean(str(path), found)}" if found else ""
