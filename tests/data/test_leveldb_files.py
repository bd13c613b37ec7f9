"""The files of a LevelDB: logs that end in the middle of a record."""

from __future__ import annotations

import os
import shutil
import tempfile

import plyvel
import pytest

from minicaffe.data.leveldb_files import link_files
from minicaffe.errors import DataError


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A database whose log holds records of many sizes."""
    (tmp_path / "links").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "links"))
    with plyvel.DB(str(tmp_path / "db"), create_if_missing=True) as database:
        for size in (5, 40_000, 200, 32_700, 32_720, 100_000, 1):
            database.put(b"%06d" % size, os.urandom(size))
    return tmp_path / "db"


def link(path):
    handle, folder = link_files(str(path))
    names = sorted(file.name for file in folder.iterdir())
    os.close(handle)
    shutil.rmtree(folder)
    return names


def test_links(path):
    assert link(path) == sorted(
        file.name for file in path.iterdir() if file.name not in ("LOCK", "LOG")
    )


@pytest.mark.parametrize("size", [1, 7, 8, 50, 30_000, 100_000, 150_000])
def test_refuses_a_log_that_is_cut_short(path, size):
    (log,) = path.glob("*.log")
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - size)
    with pytest.raises(DataError, match=r"\.log is damaged or cut short"):
        link(path)


def test_refuses_a_log_that_ends_between_the_pieces_of_a_record(path):
    (log,) = path.glob("*.log")
    with log.open("r+b") as file:
        file.truncate(1 << 15)  # a block
    with pytest.raises(DataError, match=r"\.log is damaged or cut short"):
        link(path)


def test_takes_a_log_with_room_taken_ahead(path):
    (log,) = path.glob("*.log")
    with log.open("ab") as file:
        file.write(bytes(5000))
    link(path)


def test_a_file_that_cannot_be_read_is_named(path):
    (log,) = path.glob("*.log")
    log.unlink()
    log.symlink_to("nowhere")
    with pytest.raises(DataError, match=rf"^{path}: cannot be read: {log.name}: No such file"):
        link(path)
