"""Records for inspection: of a database or a list, parsed, their images not yet decoded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from google.protobuf.message import DecodeError

from minicaffe.data.contact_sheet import Label
from minicaffe.data.datum import DatumDecoder
from minicaffe.data.image import Image, key_text
from minicaffe.data.image_list import ImageList, ImageListDecoder, read_image_list
from minicaffe.data.source import LEVELDB_FILE, LMDB_FILE, open_database
from minicaffe.errors import DataError
from minicaffe.proto.minicaffe_pb2 import DataParameter, Datum, TransformationParameter

SUGGESTED = 3  # databases that an error names
FORMS = {
    b"\xff\xd8": "JPEG",
    b"\x89PNG": "PNG",
    b"BM": "BMP",
    b"GIF8": "GIF",
    b"RIFF": "WebP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}


class Entry(NamedTuple):
    """A record before its image is decoded.

    Attributes:
        label: a whole number, or the numbers of a vector.
        form: of its image: "raw", "raw float", "JPEG", ...
        nbytes: size of the record.
        decode: makes the image; raises DataError.
    """

    label: Label
    form: str
    nbytes: int
    decode: Callable[[], Image]

    @property
    def is_raw(self) -> bool:
        """Its pixels need no decoding."""
        return self.form.startswith("raw")


class Records(Protocol):
    """Something that can be inspected.

    Attributes:
        name: its path.
        kind: "LMDB", "LevelDB" or "list".
    """

    name: str
    kind: str

    def __len__(self) -> int:
        """Number of records."""

    def records(self) -> Iterator[tuple[bytes, Any]]:
        """(key, record), each once."""

    def entry(self, key: bytes, record: Any) -> Entry:
        """The record, parsed; raises DataError."""

    def close(self) -> None:
        """Release files."""


class DatabaseRecords:
    """The Datums of an LMDB or a LevelDB.

    Raises:
        DataError: there is none, or it is damaged or empty.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.kind = "LMDB" if os.path.exists(os.path.join(name, LMDB_FILE)) else "LevelDB"
        self._source = open_database(DataParameter(source=name, backend=self.kind.upper()))
        self._decode = DatumDecoder(name, TransformationParameter())

    def __len__(self) -> int:
        return len(self._source)

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        """(key, bytes) of each record."""
        return islice(self._source.records(0), len(self))

    def entry(self, key: bytes, record: bytes) -> Entry:
        """The Datum in ``record``."""
        try:
            datum = Datum.FromString(record)
        except DecodeError as error:
            message = f"{len(record)} bytes that are no Datum: damaged?"
            raise DataError(message, self.name, key_text(key)) from error
        label: Label = tuple(datum.float_label) or datum.label
        form = "raw" if datum.data else "raw float"
        if datum.encoded:
            form = _form(datum.data)
        return Entry(label, form, len(record), lambda: self._decode(key, record))

    def close(self) -> None:
        """Close the database."""
        self._source.close()


class ListRecords:
    """The images of a text file of paths and labels, as ImageData reads it.

    Args:
        name: the file.
        root: put before each path as it is.
        labels: how many numbers follow a path; 0 for one whole number.

    Raises:
        DataError: it cannot be read.
    """

    kind = "list"

    def __init__(self, name: str, root: str = "", labels: int = 0) -> None:
        self.name = name
        self._bad: list[tuple[bytes, DataError]] = []
        lines = read_image_list(name, root, labels, lambda *bad: self._bad.append(bad))
        self._list = ImageList(name, lines)
        self._decode = ImageListDecoder(name, color=True, size=None)

    def __len__(self) -> int:
        return len(self._list) + len(self._bad)

    def records(self) -> Iterator[tuple[bytes, Any]]:
        """(which line, path and label) of each, those that have none last."""
        yield from islice(self._list.records(0), len(self._list))
        yield from self._bad

    def entry(self, key: bytes, record: Any) -> Entry:
        """The line; its file is opened, and no more read than its first bytes."""
        if isinstance(record, DataError):
            raise record
        path, label = record
        try:
            with open(path, "rb") as file:
                head, size = file.read(16), os.fstat(file.fileno()).st_size
        except OSError as error:
            message = f"image cannot be read: {error.strerror or error}"
            raise DataError(message, self.name, key_text(key)) from error
        if not isinstance(label, int):
            label = tuple(np.atleast_1d(label).tolist())
        return Entry(label, _form(head), size, lambda: self._decode(key, record))

    def close(self) -> None:
        """Nothing is open."""


def open_records(name: str, root: str = "", labels: int = 0) -> Records:
    """The database at ``name``, or the list, to which ``root`` and ``labels`` belong.

    Raises:
        DataError: there is neither, or it is damaged or empty.
    """
    path = Path(name)
    if path.is_file() and path.name != LMDB_FILE:
        return ListRecords(name, root, labels)
    if path.is_dir() and not _is_database(path):
        inside = sorted(str(folder) for folder in path.iterdir() if _is_database(folder))
        hint = f": did you mean {' or '.join(map(repr, inside[:SUGGESTED]))}?" if inside else ""
        raise DataError(
            f"is a folder without {LMDB_FILE} or {LEVELDB_FILE}, expected a database{hint}", name
        )
    return DatabaseRecords(name)


def _is_database(path: Path) -> bool:
    return any((path / name).is_file() for name in (LMDB_FILE, LEVELDB_FILE))


def _form(head: bytes) -> str:
    return next((form for start, form in FORMS.items() if head.startswith(start)), "encoded")
