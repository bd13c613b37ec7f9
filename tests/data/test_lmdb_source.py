"""LmdbSource: order, wrap-around, and databases that are not whole."""

from __future__ import annotations

import logging
import shutil
import threading
from itertools import islice

import lmdb
import pytest

from minicaffe.data import lmdb_pages
from minicaffe.data.lmdb_source import LmdbSource
from minicaffe.data.lmdb_writer import write_lmdb
from minicaffe.errors import DataError

RECORDS = [(b"%08d" % index, b"record %d" % index * 40) for index in range(7)]


@pytest.fixture
def path(tmp_path):
    write_lmdb(tmp_path / "db", RECORDS)
    return tmp_path / "db"


def test_length(path):
    assert len(LmdbSource(str(path))) == 7


@pytest.mark.parametrize("step", [1, 2, 7, 9])
@pytest.mark.parametrize("start", [0, 3, 6, 7, 23])
def test_records_go_round(path, start, step):
    found = list(islice(LmdbSource(str(path)).records(start, step), 17))
    assert found == [RECORDS[(start + i * step) % 7] for i in range(17)]


def test_says_when_it_starts_again(path, caplog):
    caplog.set_level(logging.INFO)
    records = LmdbSource(str(path)).records(5)
    list(islice(records, 2))
    assert not caplog.records
    next(records)
    (line,) = caplog.records
    assert line.getMessage() == "Restarting data prefetching from start."
    assert line.where == "data_layer.cpp:73"


def test_two_may_read_one_database(path):
    first, second = LmdbSource(str(path)), LmdbSource(str(path))
    a, b = first.records(0), second.records(0)
    assert [next(a), next(b), next(a)] == [RECORDS[0], RECORDS[0], RECORDS[1]]
    del a
    first.close()
    assert next(b) == RECORDS[1]


def test_select(tmp_path):
    records = [(b"%08d" % index, b"%d" % index * (index % 60)) for index in range(2000)]
    write_lmdb(tmp_path / "large", records)
    source = LmdbSource(str(tmp_path / "large"))
    numbers = [3, 4, 4, 19, 20, 1999, 0, 700, 690, 1500]
    assert list(source.select(numbers)) == [records[number] for number in numbers]
    source.expect(3, 1999)


def test_keys_and_scan(path):
    source = LmdbSource(str(path))
    assert list(source.keys()) == [key for key, _ in RECORDS]
    assert list(source.scan(lambda key, record: (key, bytes(record)))) == RECORDS


def test_threads_read_one_database(tmp_path):
    records = [(b"%08d" % index, b"%d" % index * 300) for index in range(3000)]
    write_lmdb(tmp_path / "large", records)
    source, right = LmdbSource(str(tmp_path / "large")), []

    def read(first):
        found = list(islice(source.records(first, 4), 1000))
        right.append(found == [records[(first + 4 * i) % 3000] for i in range(1000)])

    threads = [threading.Thread(target=read, args=(first,)) for first in (0, 1001, 2002, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 4


def test_closed_is_closed_but_iterators_go_on(path):
    source = LmdbSource(str(path))
    started, waiting = source.records(0), source.records(2)
    next(started)
    source.close()
    with pytest.raises(DataError, match=f"^{path}: has been closed"):
        source.records(0)
    assert [next(started), next(waiting)] == [RECORDS[1], RECORDS[2]]


def test_refuses_damage_when_it_comes_to_it(tmp_path, monkeypatch):
    monkeypatch.setattr(lmdb_pages, "GROUP", 4)
    records = [(b"%08d" % index, bytes([7]) * 1000) for index in range(100)]
    write_lmdb(tmp_path / "db", records)
    with (tmp_path / "db" / "data.mdb").open("r+b") as file:
        data = file.read()
        file.seek(data.index(b"00000090") // 4096 * 4096 + 10)
        file.write(b"\xff\xff")  # the kind of page, which makes the library abort
    found = LmdbSource(str(tmp_path / "db")).records(0)
    assert next(found) == records[0]
    with pytest.raises(DataError, match=r"data\.mdb: page \d+ is damaged: copy or make"):
        list(islice(found, 100))


def test_closes_it(path):
    source = LmdbSource(str(path))
    records = source.records(0)
    next(records)
    source.close()
    del records
    lmdb.open(str(path), readonly=True, lock=False).close()  # refused while it is open


def test_reads_where_nothing_can_be_written(path):
    path.chmod(0o500)
    try:
        assert len(LmdbSource(str(path))) == 7
        assert [file.name for file in path.iterdir()] == ["data.mdb"]
    finally:
        path.chmod(0o700)


def test_a_database_made_again_is_the_new_one(path):
    old = LmdbSource(str(path))
    write_lmdb(path, RECORDS[:3])
    assert len(LmdbSource(str(path))) == 3
    assert next(old.records(6)) == RECORDS[6]


def cut(path, size):
    with (path / "data.mdb").open("r+b") as file:
        file.truncate(size)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (-1, r"data\.mdb is cut short: 12,287 bytes, expected at least 12,288; copy or make"),
        (8192, r"is cut short: 8,192 bytes, expected at least 12,288"),  # SIGBUS if it were read
        (5000, "is cut short: 5,000 bytes"),
        (100, r"data\.mdb is no LMDB, or is cut short \(100 bytes\)"),
        (0, r"data\.mdb is no LMDB, or is cut short \(0 bytes\)"),
    ],
)
def test_refuses_one_that_is_cut_short(path, size, message):
    cut(path, size if size >= 0 else (path / "data.mdb").stat().st_size + size)
    with pytest.raises(DataError, match=rf"^{path}: .*{message}"):
        LmdbSource(str(path))


def test_refuses_what_is_no_lmdb(path):
    (path / "data.mdb").write_bytes(b"no database" * 2000)
    with pytest.raises(DataError, match=rf"^{path}: data\.mdb is no LMDB"):
        LmdbSource(str(path))


def test_refuses_an_empty_one(tmp_path):
    write_lmdb(tmp_path / "db", [])
    with pytest.raises(DataError, match="db: the database is empty, expected at least one record"):
        LmdbSource(str(tmp_path / "db"))


def test_refuses_a_folder_without_one(path):
    shutil.rmtree(path)
    path.mkdir()
    with pytest.raises(DataError, match=r"no LMDB: data\.mdb: No such file"):
        LmdbSource(str(path))


def test_says_what_lmdb_refuses(path):
    with (
        lmdb.open(str(path), readonly=True, lock=False),
        pytest.raises(DataError, match=rf"^{path}: cannot be opened: .*already open"),
    ):
        LmdbSource(str(path))
