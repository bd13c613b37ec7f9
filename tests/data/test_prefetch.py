"""Prefetcher: order, bounds, errors in the thread, and its end."""

from __future__ import annotations

import gc
import logging
import threading
import time

import pytest

from minicaffe.data.prefetch import Prefetcher
from minicaffe.errors import DataError


class Numbers:
    """Fills a list with the number of the batch; waits for ``gate`` first."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.fail_at = fail_at
        self.filled: list[int] = []

    def __call__(self, buffer, number, stopped):
        self.gate.wait()
        if number == self.fail_at:
            raise DataError("bad record", "db", "key 7")
        buffer[:] = [number]
        self.filled.append(number)


def settle(condition):
    """Wait for ``condition``, since another thread makes it true."""
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)
    assert condition()


@pytest.fixture
def start():
    started = []

    def make(fill, buffers=3, first=0):
        started.append(Prefetcher(fill, [[] for _ in range(buffers)], first))
        return started[-1]

    yield make
    for prefetcher in started:
        assert prefetcher.close()


def test_batches_come_in_order(start):
    prefetcher = start(Numbers(), first=5)
    assert [prefetcher.take()[0] for _ in range(9)] == list(range(5, 14))


def test_no_more_are_filled_than_there_are_buffers(start):
    fill = Numbers()
    prefetcher = start(fill, buffers=3)
    settle(lambda: len(fill.filled) == 3)
    prefetcher.take()
    time.sleep(0.05)
    assert fill.filled == [0, 1, 2]  # the first is the taker's until it takes another
    prefetcher.take()
    settle(lambda: len(fill.filled) == 4)


def test_a_batch_stays_as_it_is_until_the_next_is_taken(start):
    fill = Numbers()
    prefetcher = start(fill, buffers=2)
    for number in range(20):
        batch = prefetcher.take()
        settle(lambda n=number: len(fill.filled) == n + 2)
        assert batch == [number]


def test_buffers_are_used_again(start):
    prefetcher = start(Numbers(), buffers=3)
    assert len({id(prefetcher.take()) for _ in range(12)}) == 3


def test_an_error_comes_after_the_batches_before_it_and_stays(start):
    prefetcher = start(Numbers(fail_at=2))
    assert [prefetcher.take()[0] for _ in range(2)] == [0, 1]
    for _ in range(2):
        with pytest.raises(DataError, match=r"^db \(key 7\): bad record"):
            prefetcher.take()


def test_any_error_is_passed_on(start):
    def fill(buffer, number, stopped):
        raise SystemExit

    with pytest.raises(SystemExit):
        start(fill).take()


def test_close_while_all_is_full(start):
    fill = Numbers()
    prefetcher = start(fill)
    settle(lambda: len(fill.filled) == 3)
    begin = time.monotonic()
    assert prefetcher.close()
    assert time.monotonic() - begin < 1


def test_close_in_the_middle_of_a_batch(start):
    begun = threading.Event()

    def fill(buffer, number, stopped):
        begun.set()
        while not stopped():
            time.sleep(0.001)

    prefetcher = start(fill)
    begun.wait()
    assert prefetcher.close()
    assert prefetcher.close()


def test_close_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr("minicaffe.data.prefetch.PATIENCE", 0.05)
    fill = Numbers()
    fill.gate.clear()
    prefetcher = Prefetcher(fill, [[], []])
    assert not prefetcher.close()
    fill.gate.set()
    settle(prefetcher.close)


def test_nothing_can_be_taken_after_close(start):
    prefetcher = start(Numbers())
    prefetcher.close()
    with pytest.raises(DataError, match="closed"):
        prefetcher.take()


def threads():
    return [t for t in threading.enumerate() if t.name == "minicaffe-prefetch"]


def test_the_thread_ends_when_the_prefetcher_is_forgotten():
    prefetcher = Prefetcher(Numbers(), [[], []])
    assert threads()
    del prefetcher
    gc.collect()
    assert not threads()


def test_counts_and_logs_the_waiting_but_for_the_first_batch(start, caplog):
    caplog.set_level(logging.INFO)
    fill = Numbers()
    fill.gate.clear()
    prefetcher = start(fill, buffers=2)

    def take_slowly():
        fill.gate.clear()
        threading.Timer(0.05, fill.gate.set).start()
        prefetcher.take()

    take_slowly()
    assert not caplog.records
    assert 0.04 < prefetcher.waited < 2
    for _ in range(4):
        take_slowly()
    (line,) = caplog.records  # one of a thousand
    assert (line.getMessage(), line.where) == ("Waiting for data", "blocking_queue.cpp:49")


def test_a_thread_that_is_gone_is_noticed(start, monkeypatch):
    monkeypatch.setattr("minicaffe.data.prefetch.PATIENCE", 0.01)
    fill = Numbers()
    fill.gate.clear()
    prefetcher = start(fill)
    monkeypatch.setattr(prefetcher._thread, "is_alive", lambda: False)  # as after a fork
    with pytest.raises(DataError, match="thread is gone"):
        prefetcher.take()
    fill.gate.set()
