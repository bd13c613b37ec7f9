"""sampled: shares, balance and shuffling, each a function of the seed and the number."""

from __future__ import annotations

import logging
from collections import Counter
from itertools import chain, islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicaffe.data.datum import DatumDecoder
from minicaffe.data.leveldb_source import LevelDbSource
from minicaffe.data.leveldb_writer import write_leveldb
from minicaffe.data.lmdb_source import LmdbSource
from minicaffe.data.lmdb_writer import write_lmdb
from minicaffe.data.sampling import HASH, sampled, share_of
from minicaffe.errors import DataError, LayerConfigError
from minicaffe.proto.minicaffe_pb2 import Datum, LoaderParameter, TransformationParameter

SEED = 1701


class Numbers:
    """A source of the numbers below ``size``, each of class ``number % 10 % classes``."""

    name = "numbers"

    def __init__(self, size, classes=3):
        self.size, self.classes = size, classes
        self.closed = False

    def __len__(self):
        return self.size

    def records(self, start, step=1):
        while True:
            yield self.key(start % self.size), start % self.size
            start += step

    def close(self):
        self.closed = True

    @staticmethod
    def key(number):
        return b"%08d" % number

    def label(self, key, number):
        assert key == self.key(number)
        return number % 10 % self.classes


def make(source, seed=SEED, label=None, **fields):
    return sampled(source, LoaderParameter(**fields), seed, label or source.label)


def take(source, count, start=0, step=1):
    return [record for _, record in islice(source.records(start, step), count)]


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "shuffle_buffer": st.integers(0, 70),
        "balanced": st.booleans(),
        "share_to": st.sampled_from([0.5, 0.9, 1]),
    },
)


def test_nothing_asked_for_is_the_source_itself():
    source = Numbers(5)
    assert make(source) is source
    assert make(source, shuffle_buffer=1, threads=3, skip_bad=True) is source


def test_closes_the_source():
    source = Numbers(5)
    made = make(source, shuffle_buffer=3)
    assert (made.name, len(made)) == ("numbers", 5)
    made.close()
    assert source.closed


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(2, 80), st.integers(0, 2**32 - 1))
def test_each_pass_is_a_permutation(size, buffer, seed):
    made = make(Numbers(size), seed, shuffle_buffer=buffer)
    for epoch in range(3):
        assert sorted(take(made, size, epoch * size)) == list(range(size))


@settings(max_examples=60, deadline=None)
@given(st.integers(40, 90), FIELDS, st.integers(0, 300), st.integers(1, 7))
def test_any_start_and_step_gives_the_same(size, fields, start, step):
    made = make(Numbers(size), **fields)
    expected = take(made, start + 30 * step)[start::step]
    assert take(make(Numbers(size), **fields), 30, start, step) == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(40, 90), FIELDS, st.integers(1, 5))
def test_ranks_read_each_record_of_a_pass_once(size, fields, ranks):
    made = make(Numbers(size), **fields)
    count = len(made) * ranks
    parts = [take(made, len(made), rank, ranks) for rank in range(ranks)]
    assert Counter(chain.from_iterable(parts)) == Counter(take(made, count))


def test_passes_and_seeds_differ():
    made = make(Numbers(200), shuffle_buffer=50)
    passes = [tuple(take(made, 200, epoch * 200)) for epoch in range(4)]
    passes.append(tuple(take(make(Numbers(200), SEED + 1, shuffle_buffer=50), 200)))
    assert len(set(passes)) == 5


@pytest.mark.parametrize("epoch", [0, 1, 5])
def test_records_of_a_block_lie_together(epoch):
    size, buffer = 1003, 50
    found = take(make(Numbers(size), shuffle_buffer=buffer), size, epoch * size)
    spans = []
    at = 0
    while at < size:
        length = next(n for n in (buffer, 1003 % buffer) if span(found[at : at + n], size) == n)
        spans.append(length)
        assert length < buffer or found[at : at + length] != sorted(found[at : at + length])
        at += length
    assert sorted(spans) == [3] + [50] * 20


def span(numbers, size):
    """How many numbers lie from the first to the last, the shortest way round."""
    ordered = sorted(numbers)
    gaps = np.diff([*ordered, ordered[0] + size])
    return size - int(gaps.max()) + 1


def test_a_buffer_of_all_moves_records_anywhere():
    where = [take(make(Numbers(20), seed, shuffle_buffer=20), 20).index(7) for seed in range(200)]
    assert set(where) == set(range(20))


def test_starting_again_is_said_as_ever(caplog):
    caplog.set_level(logging.INFO)
    take(make(Numbers(10), shuffle_buffer=4), 10)
    assert not caplog.records
    take(make(Numbers(10), shuffle_buffer=4), 21)
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["Restarting data prefetching from start."] * 2


@pytest.mark.parametrize("cuts", [[0, 0.9, 1], [0, 0.25, 0.5, 0.51, 1], [0, 1e-3, 1]])
def test_shares_part_the_records(cuts):
    source = Numbers(20_000)
    shares = [make(source, share_from=cut, share_to=to) for cut, to in pairwise(cuts)]
    parts = [take(share, len(share)) for share in shares]
    assert sorted(chain.from_iterable(parts)) == list(range(20_000))
    assert all(part == sorted(part) for part in parts)
    for part, (begin, end) in zip(parts, pairwise(cuts), strict=True):
        assert len(part) == pytest.approx(20_000 * (end - begin), abs=350)


def test_the_hash_is_the_one_documented():
    assert share_of(b"00000003_cat.png") == 0x1543AF111594C004  # b2sum -l 64
    assert 0 <= share_of(b"") < HASH


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(20, 70), st.sampled_from([0, 7, 100]))
def test_balanced(classes, size, buffer):
    source = Numbers(size, classes)
    made = make(source, balanced=True, shuffle_buffer=buffer)
    assert len(made) % classes == 0
    assert size <= len(made) < size + classes
    for epoch in range(2):
        labels = Counter(n % 10 % classes for n in take(made, len(made), epoch * len(made)))
        assert labels == {label: len(made) // classes for label in range(classes)}


def test_every_turn_has_each_class_and_every_round_each_record():
    source = Numbers(25, 3)
    made = make(source, balanced=True)
    found = take(made, 300)
    classes = [[n for n in range(25) if n % 10 % 3 == label] for label in range(3)]
    turns = [tuple(n % 10 % 3 for n in found[at : at + 3]) for at in range(0, 300, 3)]
    assert {tuple(sorted(turn)) for turn in turns} == {(0, 1, 2)}
    assert len(set(turns)) > 1
    for label, numbers in enumerate(classes):
        mine = [n for n in found if n % 10 % 3 == label]
        rounds = [tuple(mine[at : at + len(numbers)]) for at in range(0, 60, len(numbers))]
        assert all(sorted(each) == numbers for each in rounds[:-1])
        assert len(set(rounds[:-1])) > 1


def test_balanced_within_a_share_reads_no_other_labels():
    source = Numbers(300)
    inside = set(take(make(source, share_to=0.3), len(make(source, share_to=0.3))))
    asked = []

    def label(key, number):
        asked.append(number)
        return source.label(key, number)

    made = make(source, label=label, balanced=True, share_to=0.3)
    assert set(asked) == inside
    assert set(take(made, 3 * len(made))) == inside


def test_bad_records_are_left_out_only_where_asked_for(caplog):
    source = Numbers(30)

    def label(key, number):
        if number == 7:
            raise DataError("damaged", "numbers", "7")
        return source.label(key, number)

    with pytest.raises(DataError, match=r"numbers \(7\): damaged"):
        make(source, label=label, balanced=True)
    made = make(source, label=label, balanced=True, skip_bad=True)
    assert "skip_bad leaves out numbers (7): damaged" in caplog.text
    assert 7 not in take(made, 200)


def test_labels_of_a_database_are_read_once_until_it_is_made_again(tmp_path):
    asked = []

    def label(key, record):
        asked.append(key)
        return float(bytes(record))

    def balanced(digit, **fields):
        write_lmdb(tmp_path / "db", [(b"%d" % n, b"%d" % (n % digit)) for n in range(9)])
        for _ in range(2):
            source = LmdbSource(str(tmp_path / "db"))
            made = make(source, label=label, balanced=True, **fields)
            made.close()
        return len(made)

    assert balanced(2) == 10
    assert len(asked) == 9
    assert balanced(5) == 10
    assert len(asked) == 18
    balanced(5, share_to=0.7)
    assert 18 < len(asked) < 27


def test_a_block_is_expected_before_it_is_read(tmp_path, monkeypatch):
    write_lmdb(tmp_path / "db", [(b"%03d" % n, b"") for n in range(100)])
    source = LmdbSource(str(tmp_path / "db"))
    expected = []
    monkeypatch.setattr(source, "expect", lambda first, last: expected.append((first, last)))
    made = make(source, label=len, shuffle_buffer=20)
    keys = [int(key) for key, _ in islice(made.records(0), 20)]
    assert expected == [(first, last) for first, last in expected if (last - first) % 100 < 20]
    inside = {
        n % 100 for first, last in expected for n in range(first, last + 1 + 100 * (last < first))
    }
    assert set(keys) <= inside
    source.close()


@pytest.mark.parametrize(
    ("fields", "label", "error", "message"),
    [
        ({"share_from": 0.5, "share_to": 0.5}, 0, LayerConfigError, "share_from is 0.5 and share"),
        ({"share_from": -0.1}, 0, LayerConfigError, "share_from is -0.1 and share_to 1, expected"),
        ({"share_to": 1.5}, 0, LayerConfigError, "share_from is 0 and share_to 1.5, expected"),
        ({"share_to": float("nan")}, 0, LayerConfigError, "share_to nan"),
        ({"share_to": 1e-9}, 0, DataError, "numbers: no record is in the share from 0 to 1e-09"),
        ({"balanced": True}, np.zeros(2), LayerConfigError, "label of 00000000 has 2 numbers"),
        ({"balanced": True}, float("nan"), DataError, r"numbers \(00000000\): label is nan"),
    ],
)
def test_refuses(fields, label, error, message):
    with pytest.raises(error, match=message):
        make(Numbers(10), label=lambda key, record: label, **fields)


@pytest.mark.parametrize(
    ("kind", "write"), [(LmdbSource, write_lmdb), (LevelDbSource, write_leveldb)]
)
@pytest.mark.parametrize(
    "fields", [{"shuffle_buffer": 7}, {"share_to": 0.5}, {"balanced": True}, {"share_from": 0.3}]
)
def test_databases(tmp_path, kind, write, fields):
    """The same as of any source."""
    records = [
        (Numbers.key(n), Datum(label=n % 10 % 3, data=bytes(n * 60)).SerializeToString())
        for n in range(400)
    ]
    write(tmp_path / "db", records)
    decoder = DatumDecoder("db", TransformationParameter())
    source = kind(str(tmp_path / "db"))
    made = make(source, label=decoder.label, **fields)
    expected = take(make(Numbers(400), **fields), 900, 5)
    assert list(islice(made.records(5), 900)) == [records[number] for number in expected]
    made.close()
