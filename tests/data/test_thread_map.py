"""thread_map: order, how far it reads ahead, errors, and what is skipped."""

from __future__ import annotations

import threading
import time

import pytest

from minicaffe.data.thread_map import AHEAD, BUDGET, BadItems, thread_map
from minicaffe.errors import DataError

BAD = BadItems("io.cpp:1", skip=False)


def slow_square(number):
    time.sleep(0.002 * (number % 3))  # so that later ones are done before earlier ones
    return number * number


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_results_come_in_order(threads):
    found = list(thread_map(slow_square, range(50), threads, BAD))
    assert found == [number * number for number in range(50)]


@pytest.mark.parametrize("threads", [1, 3])
def test_no_items(threads):
    assert list(thread_map(slow_square, [], threads, BAD)) == []


@pytest.mark.parametrize(
    ("threads", "nbytes", "most"),
    [
        (1, 1, 1),
        (3, 1, 3 * AHEAD[-1]),
        (3, BUDGET // 20, 20),
        (3, BUDGET * 2, 3 * AHEAD[0]),
        (3, 0, 3 * AHEAD[-1]),
    ],
)
def test_reads_only_a_few_ahead(threads, nbytes, most):
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    results = thread_map(lambda number: number, items(), threads, BAD, lambda _: nbytes)
    assert [next(results) for _ in range(5)] == list(range(5))
    assert len(taken) == 4 + most
    results.close()
    assert len(taken) == 4 + most


def test_threads_work_at_the_same_time():
    meeting = threading.Barrier(3, timeout=30)
    assert list(thread_map(lambda _: meeting.wait() >= 0, range(3), 3, BAD)) == [True] * 3


def failing(number):
    if number % 4 == 2:
        raise DataError("is bad", "list.txt", f"line {number}")
    return slow_square(number)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_error_in_order_is_raised(threads):
    results = thread_map(failing, range(20), threads, BAD)
    assert next(results) == 0
    assert next(results) == 1
    with pytest.raises(DataError, match=r"list.txt \(line 2\): is bad"):
        next(results)


@pytest.mark.parametrize("threads", [1, 3])
def test_skipped_items_are_counted_and_listed(threads, caplog):
    bad = BadItems("io.cpp:1", skip=True)
    found = list(thread_map(failing, range(10), threads, bad))
    assert found == [n * n for n in range(10) if n not in (2, 6)]
    assert bad.count == 2
    assert [record.message for record in caplog.records] == [
        "skipped list.txt (line 2): is bad",
        "skipped list.txt (line 6): is bad",
    ]


@pytest.mark.parametrize("threads", [1, 3])
def test_other_errors_are_never_skipped(threads):
    def broken(number):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(thread_map(broken, range(5), threads, BadItems("io.cpp:1", skip=True)))


def test_threads_end_with_the_generator():
    before = set(threading.enumerate())
    results = thread_map(slow_square, range(1000), 3, BAD)
    next(results)
    workers = set(threading.enumerate()) - before
    assert [worker.name for worker in workers] == ["minicaffe-map"] * 3
    results.close()
    assert not any(worker.is_alive() for worker in workers)


def test_a_thread_that_hangs_holds_nobody_up():
    let_go = threading.Event()
    results = thread_map(lambda number: number and let_go.wait(60), range(2), 2, BAD)
    assert next(results) == 0
    begin = time.monotonic()
    results.close()
    let_go.set()
    assert time.monotonic() - begin < 30
