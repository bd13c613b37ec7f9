"""idx files, the form in which MNIST and its likes are handed out."""

from __future__ import annotations

import gzip
import zlib
from math import prod
from pathlib import Path

import numpy as np

from minicaffe.data.image import HostArray
from minicaffe.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
UINT8 = 8  # the type of an element, in the magic's third byte


def unpacked(path: Path) -> bytes:
    """The contents of the file ``path``, without the gzip around it if there is one.

    Raises:
        DataError: it cannot be read, or the gzip is damaged or cut short.
    """
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw.startswith(GZIP_MAGIC) else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"gzip file is damaged or cut short: {error}", str(path)) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", str(path)) from error


def parse_idx(raw: bytes, ndim: int, name: str) -> HostArray:
    """The uint8 array of ``ndim`` axes that an idx file holds.

    Args:
        raw: the file's contents.
        ndim: how many axes it must have.
        name: of the file, for errors.

    Raises:
        DataError: it is cut short or too long, or holds anything else.
    """
    magic, head = bytes([0, 0, UINT8, ndim]), 4 * (1 + ndim)
    if len(raw) < head or raw[:4] != magic:
        raise DataError(
            f"starts with {raw[:4].hex(' ') or 'nothing'}, expected {magic.hex(' ')}: "
            f"no idx file of bytes with {ndim} axes",
            name,
        )
    shape = tuple(map(int, np.frombuffer(raw, ">u4", ndim, offset=4)))
    if len(raw) != head + prod(shape):
        raise DataError(
            f"{len(raw):,} bytes, expected {head + prod(shape):,} for shape {shape}", name
        )
    return np.frombuffer(raw, np.uint8, offset=head).reshape(shape)
