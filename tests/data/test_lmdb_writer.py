"""write_lmdb: what it writes is whole, or not there."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice

import lmdb
import pytest

from minicaffe.data import lmdb_writer
from minicaffe.data.lmdb_source import LmdbSource
from minicaffe.data.lmdb_writer import write_lmdb
from minicaffe.errors import DataError


def records(count, size=10):
    return ((b"%08d" % index, b"%d" % index * size) for index in range(count))


def read(path):
    source = LmdbSource(str(path))
    return list(islice(source.records(0), len(source)))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_round_trip(tmp_path):
    counts = []
    assert write_lmdb(tmp_path / "new" / "db", records(2345), counts.append) == 2345
    assert read(tmp_path / "new" / "db") == list(records(2345))
    assert counts == [1000, 1000, 345]
    assert names(tmp_path / "new") == ["db"]
    assert names(tmp_path / "new" / "db") == ["data.mdb"]


def test_the_map_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(lmdb_writer, "MAP_SIZE", 1 << 14)
    write_lmdb(tmp_path / "db", records(3000))
    assert read(tmp_path / "db") == list(records(3000))


def test_replaces_what_was_there(tmp_path):
    write_lmdb(tmp_path / "db", records(3))
    write_lmdb(tmp_path / "db", records(5))
    assert read(tmp_path / "db") == list(records(5))
    assert names(tmp_path) == ["db"]


def test_replaces_a_file(tmp_path):
    (tmp_path / "db").write_text("not a folder")
    write_lmdb(tmp_path / "db", records(5))
    assert len(read(tmp_path / "db")) == 5
    assert names(tmp_path) == ["db"]


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_on_the_way_leaves_what_was_there(tmp_path, error, there):
    def broken():
        yield from records(1500)
        raise error

    if there:
        write_lmdb(tmp_path / "db", records(3))
    with pytest.raises(error):
        write_lmdb(tmp_path / "db", broken())
    assert names(tmp_path) == (["db"] if there else [])
    if there:
        assert read(tmp_path / "db") == list(records(3))


def test_an_error_at_the_last_moment_leaves_what_was_there(tmp_path, monkeypatch):
    write_lmdb(tmp_path / "db", records(3))
    real = type(tmp_path).replace

    def fail_for_new(self, target):
        if not self.name.endswith(".old") and target.name == "db":
            raise OSError(5, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(type(tmp_path), "replace", fail_for_new)
    with pytest.raises(DataError, match="db: cannot be written: Input/output error"):
        write_lmdb(tmp_path / "db", records(5))
    assert read(tmp_path / "db") == list(records(3))
    assert names(tmp_path) == ["db"]


@pytest.mark.parametrize("second", [b"00000001", b"00000000"])
def test_refuses_keys_that_do_not_rise(tmp_path, second):
    with pytest.raises(DataError, match=rf"db \({second.decode()}\): .*the key before it"):
        write_lmdb(tmp_path / "db", [(b"00000001", b"a"), (second, b"b")])
    assert names(tmp_path) == []


def test_refuses_where_it_cannot_write(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="db: cannot be written: "):
        write_lmdb(tmp_path / "file" / "db", records(5))


FULL = """
import resource, sys
from minicaffe.data.lmdb_writer import write_lmdb
from minicaffe.errors import DataError
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))  # a file cannot grow further
try:
    write_lmdb(sys.argv[1], ((b"%08d" % i, bytes(1000)) for i in range(5000)))
except DataError as error:
    print(error)
"""


def test_a_full_disk_leaves_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "db")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"{tmp_path / 'db'}: cannot be written: ")
    assert "MB free there" in done.stdout
    assert names(tmp_path) == []


def test_any_lmdb_reader_reads_it(tmp_path):
    write_lmdb(tmp_path / "db", records(4))
    with lmdb.open(str(tmp_path / "db")) as environment, environment.begin() as transaction:
        assert list(transaction.cursor()) == list(records(4))
