"""chunks: how many records are written at once."""

from __future__ import annotations

from itertools import chain

import pytest

from minicaffe.data import chunks as module
from minicaffe.data.chunks import chunks
from minicaffe.errors import DataError


def records(count, size):
    return [(b"%04d" % number, bytes(size)) for number in range(count)]


@pytest.mark.parametrize(
    ("size", "expected"), [(0, [4, 4, 2]), (25, [4, 4, 2]), (40, [3, 3, 3, 1]), (500, [1] * 10)]
)
def test_by_number_and_by_bytes(monkeypatch, size, expected):
    monkeypatch.setattr(module, "COMMIT", 4)
    monkeypatch.setattr(module, "NBYTES", 101)
    found = list(chunks(iter(records(10, size)), "db"))
    assert [len(chunk) for chunk in found] == expected
    assert list(chain.from_iterable(found)) == records(10, size)


def test_nothing():
    assert list(chunks([], "db")) == []


@pytest.mark.parametrize("second", [b"1", b"0", b""])
def test_refuses_keys_that_do_not_rise(second):
    with pytest.raises(DataError, match=r"^db.*: is not greater than the key before it"):
        list(chunks([(b"1", b""), (second, b"")], "db"))
