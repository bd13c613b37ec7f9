"""read_lines: numbers and text of lines, and what it says of files that are none."""

from __future__ import annotations

import os

import pytest

from minicaffe.data.listing import read_lines
from minicaffe.errors import DataError


def test_lines_keep_their_numbers(tmp_path):
    (tmp_path / "l").write_bytes(b"\n a b \r\n\t\r\nc\x0bd\n\xff")
    assert read_lines(str(tmp_path / "l"), "x") == [
        (2, "a b"),
        (4, "c\x0bd"),
        (5, os.fsdecode(b"\xff")),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty, expected things, one a line"),
        (b" \n\r\n", "the file is empty, expected things"),
        (b"\x89PNG\0\0", "is no text file, expected one with things, one a line"),
    ],
)
def test_refuses(tmp_path, content, message):
    (tmp_path / "l").write_bytes(content)
    with pytest.raises(DataError, match=rf"^{tmp_path}/l: {message}"):
        read_lines(str(tmp_path / "l"), "things")


def test_what_is_not_there(tmp_path, monkeypatch):
    (tmp_path / "train.txt").write_text("x")
    with pytest.raises(
        DataError, match=rf"trian.txt: no such file: did you mean '{tmp_path}/train.txt'\?"
    ):
        read_lines(str(tmp_path / "trian.txt"), "things")
    with pytest.raises(DataError, match="is a folder, expected a text file with things, one a"):
        read_lines(str(tmp_path), "things")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=f"a/b.txt: no such file, looked for in {tmp_path}$"):
        read_lines("a/b.txt", "things")
