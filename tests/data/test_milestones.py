"""Milestones: records found by number, and how much is passed over for it."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicaffe.data import milestones as module
from minicaffe.data.milestones import Milestones


def keys_of(size, passed=None):
    """The keys of ``size`` records; ``passed`` gets the number of each that is passed."""
    names = [b"%06d" % number for number in range(size)]

    def keys(start):
        for number in range(0 if start is None else names.index(start), size):
            if passed is not None:
                passed.append(number)
            yield names[number]

    return keys


def found(milestones, number):
    at, key, steps = milestones.locate(number)
    return at, int(key) + steps


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 9), st.lists(st.integers(0, 200), max_size=9))
def test_locate(size, every, numbers):
    milestones = Milestones(keys_of(size), every)
    for number in numbers:
        assert found(milestones, number) == (number % size, number % size)


@pytest.mark.parametrize("most", [2, 4, 16])
def test_memory_is_bounded(monkeypatch, most):
    monkeypatch.setattr(module, "MOST", most)
    milestones = Milestones(keys_of(1000), 3)
    assert [found(milestones, number)[1] for number in range(0, 1000, 7)] == [*range(0, 1000, 7)]
    assert len(milestones) == 1000
    assert len(milestones._kept) <= most


def test_passes_over_no_more_than_is_asked_for():
    passed = []
    milestones = Milestones(keys_of(1000, passed), 10)
    milestones.locate(99)
    assert passed == [*range(100)]
    milestones.locate(42)
    assert len(passed) == 100
    milestones.locate(105)
    assert passed[100:] == [*range(90, 106)]


def test_length_is_counted_once():
    passed = []
    milestones = Milestones(keys_of(1000, passed), 10)
    assert [len(milestones), len(milestones)] == [1000, 1000]
    assert len(passed) == 1000


def test_threads():
    milestones = Milestones(keys_of(5000), 8)
    wrong = []

    def ask(first):
        wrong.extend(n for n in range(first, 5000, 50) if found(milestones, n) != (n, n))

    threads = [threading.Thread(target=ask, args=(first,)) for first in (7, 3, 49, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
