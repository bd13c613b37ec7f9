"""idx files: gzipped and not, and damaged."""

from __future__ import annotations

import gzip
import re
import struct

import numpy as np
import pytest

from minicaffe.data.idx import parse_idx, unpacked
from minicaffe.errors import DataError


def idx(array, magic=None):
    magic = magic or bytes([0, 0, 8, array.ndim])
    return magic + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


IMAGES = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_reads_what_is_there(tmp_path, pack):
    path = tmp_path / "images.gz"  # browsers unpack and keep the name: the bytes decide
    path.write_bytes(pack(idx(IMAGES)))
    np.testing.assert_array_equal(parse_idx(unpacked(path), 3, str(path)), IMAGES)


def test_a_size_over_two_bytes():
    labels = np.arange(70000).astype(np.uint8)
    np.testing.assert_array_equal(parse_idx(idx(labels), 1, "labels"), labels)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "starts with nothing, expected 00 00 08 03: no idx file of bytes with 3 axes"),
        (idx(IMAGES[0]), "starts with 00 00 08 02, expected 00 00 08 03"),
        (idx(IMAGES, b"\0\0\x0d\3"), "starts with 00 00 0d 03"),
        (b"<html>not found</html>", "starts with 3c 68 74 6d, expected"),
        (idx(IMAGES)[:10], "no idx file"),
        (idx(IMAGES)[:-1], "45 bytes, expected 46 for shape (2, 3, 5)"),
        (idx(IMAGES) + b"0", "47 bytes, expected 46 for shape (2, 3, 5)"),
    ],
)
def test_refuses(raw, message):
    with pytest.raises(DataError, match=re.escape(message)):
        parse_idx(raw, 3, "x.gz")


@pytest.mark.parametrize("damage", [lambda raw: raw[:-9], lambda raw: raw[:-8] + bytes(8)])
def test_refuses_damaged_gzip(tmp_path, damage):
    path = tmp_path / "x.gz"
    path.write_bytes(damage(gzip.compress(idx(IMAGES))))
    with pytest.raises(DataError, match=r"x\.gz: gzip file is damaged or cut short"):
        unpacked(path)


def test_refuses_gzip_of_garbage(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(idx(IMAGES))[:10] + b"\xff" * 40)
    with pytest.raises(DataError, match="damaged or cut short"):
        unpacked(path)


def test_refuses_what_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        unpacked(tmp_path)
