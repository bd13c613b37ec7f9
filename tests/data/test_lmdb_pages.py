"""LmdbPages: the tree as the library sees it, and damage that would end the process."""

from __future__ import annotations

import os
import random
import struct

import lmdb
import pytest

from minicaffe.data import lmdb_pages as module
from minicaffe.data.lmdb_pages import LmdbPages
from minicaffe.data.lmdb_writer import write_lmdb
from minicaffe.errors import DataError

SIZES = (1, 40, 700, 2000, 2030, 2040, 4080, 9000)  # in a page, or on pages of their own
RECORDS = [(b"%08d_%s" % (i, b"x" * (i % 100)), os.urandom(SIZES[i % 8])) for i in range(900)]
PAGE = 4096


@pytest.fixture
def path(tmp_path):
    write_lmdb(tmp_path / "db", RECORDS)
    return tmp_path / "db"


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch):
    monkeypatch.setattr(module, "GROUP", 7)


def test_finds_every_record(path):
    pages = LmdbPages(str(path))
    assert len(pages) == len(RECORDS)
    assert list(pages.keys()) == [key for key, _ in RECORDS]
    assert list(pages.scan(lambda key, record: (key, bytes(record)))) == RECORDS


def test_key_of_a_number(path):
    numbers = list(range(len(RECORDS)))
    random.Random(3).shuffle(numbers)
    pages = LmdbPages(str(path))
    assert [pages.key(number) for number in numbers] == [RECORDS[number][0] for number in numbers]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_small_trees(tmp_path, count):
    write_lmdb(tmp_path / "db", RECORDS[:count])
    assert list(LmdbPages(str(tmp_path / "db")).keys()) == [key for key, _ in RECORDS[:count]]


def test_an_empty_one(tmp_path):
    write_lmdb(tmp_path / "db", [])
    assert len(LmdbPages(str(tmp_path / "db"))) == 0


def test_records_in_any_order_and_deleted_ones(tmp_path):
    records = dict(RECORDS)
    names = list(records)
    random.Random(5).shuffle(names)
    with lmdb.open(str(tmp_path / "db"), map_size=1 << 26) as environment:
        for part in (names[:400], names[400:]):
            with environment.begin(write=True) as transaction:
                for name in part:
                    transaction.put(name, records[name])
        with environment.begin(write=True) as transaction:
            for name in names[::3]:
                transaction.delete(name)
                del records[name]
    pages = LmdbPages(str(tmp_path / "db"))
    assert dict(pages.scan(lambda key, record: (key, bytes(record)))) == records
    assert list(pages.keys()) == sorted(records)


def test_verifies_as_far_as_is_asked_for(path):
    pages = LmdbPages(str(path))
    known = pages.verify(1)
    assert 1 <= known < 300
    assert pages.verify(known) == known
    assert known < pages.verify(known + 1) < 600
    assert pages.verify(10**9) == len(RECORDS)


def test_views_outlive_the_database(path):
    pages = LmdbPages(str(path))
    (first, *_) = list(pages.scan(lambda key, record: record))
    del pages
    (path / "data.mdb").unlink()
    assert bytes(first) == RECORDS[0][1]


def test_what_is_expected_need_not_be_in_order(path):
    pages = LmdbPages(str(path))
    pages.expect(10, 500)
    pages.expect(500, 10)
    assert pages.key(899) == RECORDS[899][0]


def tree(path):
    """The numbers of a leaf and of a branch page, and the offset of a node in the leaf."""
    data = (path / "data.mdb").read_bytes()
    kinds = {}
    for number in range(2, len(data) // PAGE):
        found, _, flags = struct.unpack_from("<QHH", data, number * PAGE)
        if found == number and flags in (1, 2):
            kinds.setdefault(flags, number)
    (node,) = struct.unpack_from("<H", data, kinds[2] * PAGE + 16)
    return kinds[2], kinds[1], node


@pytest.mark.parametrize(
    ("where", "offset", "value"),
    [
        ("leaf", 0, 0xFF),  # its own number
        ("leaf", 10, 0x04),  # its kind
        ("leaf", 12, 0x00),  # where the places of its nodes end
        ("leaf", 13, 0xF0),
        ("leaf", 15, 0xFF),  # where its nodes begin
        ("leaf", 16, 0x01),  # the place of a node
        ("leaf", 17, 0xFF),
        ("node", 2, 0xFF),  # the size of a record
        ("node", 4, 0x02),  # whether it is on pages of its own, or a database in the database
        ("node", 7, 0xFF),  # the size of a key
        ("branch", 0, 0xFF),
        ("branch", 10, 0x02),
        ("branch", 17, 0xFF),
    ],
)
def test_refuses_a_damaged_page(path, where, offset, value):
    leaf, branch, node = tree(path)
    place = {"leaf": leaf * PAGE, "branch": branch * PAGE, "node": leaf * PAGE + node}[where]
    with (path / "data.mdb").open("r+b") as file:
        file.seek(place + offset)
        file.write(bytes([value]))
    with pytest.raises(DataError, match=rf"^{path}: data\.mdb: page [\d,]+ .*copy or make the dat"):
        LmdbPages(str(path)).verify(len(RECORDS))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (80, 0, "pages of records, expected"),  # branches
        (88, 1, "pages of records, expected 1:"),
        (88, 2**60, "describes itself wrongly"),
        (104, 901, "900 records, expected 901:"),
        (104, 2**63, "describes itself wrongly"),
        (112, 3, "page 3 is damaged|pages of records"),  # the root
        (112, 2**63, "describes itself wrongly"),
    ],
)
def test_refuses_a_damaged_description(path, field, value, message):
    with (path / "data.mdb").open("r+b") as file:
        head = file.read(2 * PAGE)
        newer = max((0, PAGE), key=lambda at: struct.unpack_from("<Q", head, at + 16 + 128)[0])
        file.seek(newer + 16 + field)
        file.write(struct.pack("<Q", value))
    with pytest.raises(DataError, match=rf"^{path}: data\.mdb: .*({message})"):
        LmdbPages(str(path)).verify(len(RECORDS))
