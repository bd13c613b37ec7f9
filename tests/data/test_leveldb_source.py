"""LevelDbSource: order, several readers, and databases that are not whole."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from itertools import islice

import plyvel
import pytest

from minicaffe.data import milestones
from minicaffe.data.leveldb_source import LevelDbSource
from minicaffe.data.leveldb_writer import write_leveldb
from minicaffe.errors import DataError

RECORDS = [(b"%08d" % index, b"record %d" % index * 40) for index in range(7)]
MANY = [(b"%08d" % index, os.urandom(3000)) for index in range(1500)]


@pytest.fixture(autouse=True)
def links(tmp_path, monkeypatch):
    """The folder that folders of links lie in; at the end there are none."""
    folder = tmp_path / "links"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def path(tmp_path):
    write_leveldb(tmp_path / "db", RECORDS)
    return tmp_path / "db"


@pytest.fixture
def large(tmp_path):
    write_leveldb(tmp_path / "large", MANY)
    return tmp_path / "large"


def test_length(path):
    assert len(LevelDbSource(str(path))) == 7


@pytest.mark.parametrize("step", [1, 2, 7, 9])
@pytest.mark.parametrize("start", [0, 3, 6, 7, 23])
def test_records_go_round(path, start, step):
    found = list(islice(LevelDbSource(str(path)).records(start, step), 17))
    assert found == [RECORDS[(start + i * step) % 7] for i in range(17)]


def test_says_when_it_starts_again(path, caplog):
    caplog.set_level(logging.INFO)
    records = LevelDbSource(str(path)).records(5)
    list(islice(records, 2))
    assert not caplog.records
    next(records)
    (line,) = caplog.records
    assert line.getMessage() == "Restarting data prefetching from start."
    assert line.where == "data_layer.cpp:73"


@pytest.mark.parametrize("most", [milestones.MOST, 50])
def test_select(large, monkeypatch, most):
    monkeypatch.setattr(milestones, "MOST", most)
    numbers = [3, 4, 4, 90, 89, 1499, 0, 700, 763, 764]
    found = list(LevelDbSource(str(large)).select(numbers))
    assert found == [MANY[number] for number in numbers]


def test_keys_and_scan(large):
    source = LevelDbSource(str(large))
    assert list(source.keys()) == [key for key, _ in MANY]
    assert list(source.scan(lambda key, record: (key, record))) == MANY


def test_the_database_is_left_alone(path):
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    path.chmod(0o500)
    try:
        source = LevelDbSource(str(path))
        assert list(islice(source.records(0), 7)) == RECORDS
        del source
    finally:
        path.chmod(0o700)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


def test_takes_over_a_log(tmp_path):
    with plyvel.DB(str(tmp_path / "db"), create_if_missing=True) as database:
        for key, value in RECORDS:
            database.put(key, value)  # all of it is in the log
    assert list(islice(LevelDbSource(str(tmp_path / "db")).records(0), 7)) == RECORDS


def test_several_share_it(path, links):
    first, second = LevelDbSource(str(path)), LevelDbSource(str(path))
    a, b = first.records(0), second.records(0)
    assert [next(a), next(b), next(a)] == [RECORDS[0], RECORDS[0], RECORDS[1]]
    assert len(list(links.iterdir())) == 1
    first.close()
    second.close()
    assert [next(a), next(b)] == [RECORDS[2], RECORDS[1]]


def test_closed_is_closed(path):
    source = LevelDbSource(str(path))
    source.close()
    with pytest.raises(DataError, match=f"^{path}: has been closed"):
        source.records(0)


def test_a_database_made_again_is_the_new_one(path):
    old = LevelDbSource(str(path))
    assert len(old) == 7
    write_leveldb(path, RECORDS[:3])
    assert len(LevelDbSource(str(path))) == 3


def test_threads_read_one_database(large):
    source, wrong = LevelDbSource(str(large)), []

    def read(first):
        found = list(islice(source.records(first, 4), 400))
        wrong.append(found != [MANY[(first + 4 * i) % 1500] for i in range(400)])

    threads = [threading.Thread(target=read, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    source.close()
    for thread in threads:
        thread.join()
    assert wrong == [False] * 4


HOLD = """
import sys, plyvel
database = plyvel.DB(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def test_refuses_one_that_another_process_has_open(path):
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "open\n"
        with pytest.raises(DataError, match=f"^{path}: another process has it open"):
            LevelDbSource(str(path))
        process.communicate("")
    assert len(LevelDbSource(str(path))) == 7


READ = """
import sys
from itertools import islice
from minicaffe.data import milestones
from minicaffe.data.leveldb_source import LevelDbSource
source = LevelDbSource(sys.argv[1])
records = source.records(0)
print(len(source), next(records)[0], flush=True)
sys.stdin.read()
"""


def test_processes_read_one_database(path):
    command = [sys.executable, "-c", READ, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "7 b'00000000'\n"
        assert len(LevelDbSource(str(path))) == 7
        process.communicate("")


def test_what_a_killed_process_leaves_is_removed(path, links):
    left = links / "minicaffe-leveldb.0123abcd.tmp"
    left.mkdir()
    source = LevelDbSource(str(path))
    assert not left.exists()
    source.close()


def damage(path, pattern, change):
    (file,) = path.glob(pattern)
    data = bytearray(file.read_bytes())
    change(data)
    file.unlink()
    file.write_bytes(data)


def flip(at, size=9):
    def change(data):
        for index in range(size):
            data[at + index] ^= 0xFF

    return change


def cut(size):
    def change(data):
        del data[-size:]

    return change


@pytest.mark.parametrize(
    ("pattern", "change", "message"),
    [
        ("*.ldb", cut(1), r"\d+\.ldb is damaged or cut short \([\d,]+ bytes\)"),
        ("*.ldb", cut(5000), r"\d+\.ldb is damaged or cut short"),
        ("*.ldb", flip(-40), r"\d+\.ldb is damaged or cut short"),  # LevelDB would abort
        (
            "*.ldb",
            flip(2_000_000),
            r"\(after 00000\d+\): cannot be read: .*checksum mismatch; copy",
        ),
        ("*.ldb", flip(-200), "cannot be read: .*checksum"),
        ("MANIFEST*", cut(1), r"MANIFEST-\d+ is damaged or cut short"),
        ("MANIFEST*", flip(20), "cannot be read: Corruption: checksum mismatch; copy or make"),
        ("*.log", lambda data: data.extend(b"abc"), r"\d+\.log is damaged or cut short"),
        ("CURRENT", lambda data: data.clear(), "CURRENT file does not end with newline"),
        ("CURRENT", cut(2), "CURRENT file does not end with newline"),
    ],
)
def test_refuses_damage(large, pattern, change, message):
    damage(large, pattern, change)
    with pytest.raises(DataError, match=rf"^{large}.*{message}"):
        list(islice(LevelDbSource(str(large)).records(0), len(MANY)))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("CURRENT", "no LevelDB: CURRENT: No such file"),
        ("MANIFEST*", "CURRENT points to a non-existent file: .*MANIFEST"),
        ("*.ldb", r"1 missing files; e\.g\.: .*db/"),
    ],
)
def test_refuses_one_with_a_file_missing(path, pattern, message):
    (file,) = path.glob(pattern)
    file.unlink()
    with pytest.raises(DataError, match=rf"^{path}: .*{message}"):
        LevelDbSource(str(path))


def test_refuses_an_empty_one(tmp_path):
    write_leveldb(tmp_path / "db", [])
    with pytest.raises(DataError, match="db: the database is empty, expected at least one record"):
        LevelDbSource(str(tmp_path / "db"))


def test_refuses_where_links_cannot_be_made(path, links, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(path / "CURRENT"))
    with pytest.raises(DataError, match=rf"^{path}: no folder for links to it in .*CURRENT: Not a"):
        LevelDbSource(str(path))


def test_refuses_a_folder_without_one(path):
    shutil.rmtree(path)
    path.mkdir()
    with pytest.raises(DataError, match=r"no LevelDB: CURRENT: No such file"):
        LevelDbSource(str(path))


def test_says_what_to_install(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plyvel", None)
    with pytest.raises(DataError, match=r"pip install 'minicaffe\[leveldb\]'"):
        LevelDbSource(str(path))
