"""Prefetcher: order, bounds, parts, errors in the threads, and their end."""

from __future__ import annotations

import gc
import logging
import os
import random
import subprocess
import sys
import threading
import time

import pytest

from minicaffe.data.prefetch import Prefetcher, cores
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

    def make(fill, buffers=3, first=0, threads=2):
        started.append(Prefetcher(fill, [[] for _ in range(buffers)], first, threads))
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
    prefetcher = start(fill, buffers=2, threads=1)

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


class Parts:
    """Fills a list with pairs (batch, part), in parts that take a random time."""

    def __init__(self, parts: int, fail: dict[tuple[int, int], Exception] | None = None) -> None:
        self.parts, self.fail = parts, fail or {}
        self.turn = threading.Lock()
        self.rng = random.Random(3)
        self.most = self.now = 0

    def __call__(self, buffer, number, stopped):
        buffer[:] = [None] * self.parts
        for part in range(self.parts):
            assert self.turn.acquire(blocking=False)  # one call at a time
            pause = self.rng.random() / 500
            self.turn.release()
            yield lambda part=part, pause=pause: self.do(buffer, number, part, pause)

    def do(self, buffer, number, part, pause):
        self.now += 1
        self.most = max(self.most, self.now)
        time.sleep(pause)
        self.now -= 1
        if (number, part) in self.fail:
            raise self.fail[number, part]
        buffer[part] = number, part


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("parts", [0, 1, 5])
def test_all_parts_are_done_and_the_order_kept(start, threads, parts):
    prefetcher = start(Parts(parts), threads=threads)
    for number in range(30):
        assert prefetcher.take() == [(number, part) for part in range(parts)]


def test_parts_are_done_at_once(start):
    barrier = threading.Barrier(4)  # broken unless four wait at the same time

    def fill(buffer, number, stopped):
        return [lambda: barrier.wait(5)] * 4

    prefetcher = start(fill, threads=4)
    for _ in range(3):
        prefetcher.take()
    barrier.abort()  # nobody waits in it when all is closed


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_the_first_error_is_the_one_whatever_the_threads(start, threads):
    fail = {(number, part): ValueError(number, part) for number in (4, 5) for part in (2, 3, 4)}
    prefetcher = start(Parts(6, fail), threads=threads)
    for number in range(4):
        assert prefetcher.take()[0] == (number, 0)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"^\(4, 2\)$"):
            prefetcher.take()


def test_an_error_between_parts_comes_after_those_of_the_parts_before(start):
    def fill(buffer, number, stopped):
        yield lambda: None
        if number == 1:
            yield failing
        raise ValueError(number)

    def failing():
        time.sleep(0.05)
        raise DataError("the part")

    with pytest.raises(ValueError, match="0"):
        start(fill).take()
    with pytest.raises(DataError, match="the part"):
        start(fill, first=1).take()


def test_no_batch_is_begun_after_one_that_failed(start):
    fill = Numbers(fail_at=0)
    prefetcher = start(fill, threads=4)
    with pytest.raises(DataError):
        prefetcher.take()
    time.sleep(0.02)
    assert fill.filled == []


@pytest.mark.parametrize("parts", [0, 3])
def test_no_thread_is_left_by_any_end(parts):
    for end in ("close", "forget", "fail"):
        fill = Parts(parts, {(2, 1): ValueError("x")} if end == "fail" else {})
        prefetcher = Prefetcher(fill, [[], [], []], threads=5)
        prefetcher.take()
        if end == "close":
            assert prefetcher.close()
        del prefetcher
        gc.collect()
        assert not threads()


FORKED = """
import os, sys, time
from minicaffe.data.prefetch import Prefetcher, cores
prefetcher = Prefetcher(lambda buffer, number, stopped: None, [[], [], []], threads=2)
prefetcher.take()
child = os.fork()
if child == 0:
    begin = time.monotonic()
    try:
        prefetcher.take()
    except Exception as error:
        print(type(error).__name__, error, time.monotonic() - begin < 1, flush=True)
    sys.exit()
os.waitpid(child, 0)
prefetcher.take()
print("the parent goes on", prefetcher.close())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
def test_a_fork_says_that_it_has_no_threads():
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, timeout=60
    )
    child, parent = run.stdout.splitlines()
    assert child.startswith("DataError the threads that read ahead belong to process ")
    assert child.endswith("make the net after the fork True")
    assert parent == "the parent goes on True"
    assert run.stderr == ""


def test_as_many_as_there_are_cores():
    assert 1 <= cores() <= (os.cpu_count() or 1)
