"""write_leveldb: what other readers of LevelDB find."""

from __future__ import annotations

import sys

import plyvel
import pytest

from minicaffe.data.leveldb_writer import write_leveldb
from minicaffe.errors import DataError

RECORDS = [(b"%08d" % number, bytes([number % 251]) * 300) for number in range(1200)]


def test_any_reader_reads_it(tmp_path):
    write_leveldb(tmp_path / "db", RECORDS)
    with plyvel.DB(str(tmp_path / "db")) as database:
        assert list(database) == RECORDS


def test_everything_is_in_tables(tmp_path):
    write_leveldb(tmp_path / "db", RECORDS)
    sizes = {path.suffix: path.stat().st_size for path in (tmp_path / "db").iterdir()}
    assert sizes[".ldb"] > 0
    assert sizes[".log"] == 0
    assert not {"LOCK", "LOG", "LOG.old"} & {path.name for path in (tmp_path / "db").iterdir()}


def test_an_empty_one(tmp_path):
    assert write_leveldb(tmp_path / "db", []) == 0
    with plyvel.DB(str(tmp_path / "db")) as database:
        assert list(database) == []


def test_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plyvel", None)
    with pytest.raises(DataError, match=r"pip install 'minicaffe\[leveldb\]'"):
        write_leveldb(tmp_path / "db", RECORDS)
    assert list(tmp_path.iterdir()) == []
