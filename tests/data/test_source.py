"""open_database: which source a definition gets, and what is said where there is none."""

from __future__ import annotations

import re

import pytest
from google.protobuf import text_format

from minicaffe.data.leveldb_writer import write_leveldb
from minicaffe.data.source import open_database
from minicaffe.errors import DataError, LayerConfigError
from minicaffe.proto.minicaffe_pb2 import DataParameter
from tests.data.databases import make_lmdb, numbered


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory: an LMDB "train_lmdb", a LevelDB "train_leveldb", other things."""
    make_lmdb(tmp_path / "train_lmdb", numbered(3))
    write_leveldb(tmp_path / "train_leveldb", [(b"0", b"a"), (b"1", b"b")])
    (tmp_path / "tain_lmdb").mkdir()
    (tmp_path / "list.txt").write_text("a.png 0\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def open_text(text):
    return open_database(text_format.Parse(text, DataParameter()))


def test_lmdb(folder):
    source = open_text('source: "train_lmdb" backend: LMDB')
    assert (source.name, len(source)) == ("train_lmdb", 3)
    source.close()


@pytest.mark.parametrize("backend", ["", "backend: LEVELDB"])
def test_leveldb(folder, backend):
    source = open_text(f'source: "train_leveldb" {backend}')
    assert (source.name, len(source)) == ("train_leveldb", 2)
    source.close()


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (
            'source: "trian_lmdb" backend: LMDB',
            DataError,
            "trian_lmdb: no such database, looked for in {here}: did you mean 'train_lmdb'?",
        ),
        (
            'source: "nowhere/train_lmdb" backend: LMDB',
            DataError,
            "nowhere/train_lmdb: no such database, looked for in {here}: known: train_leveldb, "
            "train_lmdb",
        ),
        (
            'source: "examples/mnist/mnist_train_lmdb" backend: LMDB',
            DataError,
            "; `minicaffe data mnist` makes it",
        ),
        ('source: "{here}/nothing" backend: LMDB', DataError, "{here}/nothing: no such database: "),
        (
            'source: "list.txt" backend: LMDB',
            DataError,
            "list.txt: is a file, expected the folder of a database",
        ),
        (
            'source: "train_lmdb/data.mdb" backend: LMDB',
            DataError,
            "is a file, expected the folder of a database: did you mean 'train_lmdb'?",
        ),
        (
            'source: "train_leveldb" backend: LMDB',
            DataError,
            "train_leveldb: is a LevelDB, expected an LMDB as backend says",
        ),
        (
            'source: "train_lmdb"',
            LayerConfigError,
            "backend is not given, which means LEVELDB, but train_lmdb is an LMDB: "
            "write backend: LMDB",
        ),
        (
            'source: "train_lmdb" backend: LEVELDB',
            LayerConfigError,
            "backend is LEVELDB, but train_lmdb is an LMDB: write backend: LMDB",
        ),
        (
            'source: "tain_lmdb" backend: LEVELDB',
            DataError,
            "tain_lmdb: no LevelDB: CURRENT: No such file",
        ),
        ('source: "train_lvldb"', DataError, "did you mean 'train_leveldb'?"),
        ('source: "tain_lmdb" backend: LMDB', DataError, "tain_lmdb: no LMDB: data.mdb: No such"),
    ],
)
def test_refuses(folder, text, error, message):
    with pytest.raises(error, match=re.escape(message.format(here=folder))):
        open_text(text.replace("{here}", str(folder)))
