"""A function of many items on several threads, and what is done where one cannot be read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from minicaffe import glog
from minicaffe.errors import DataError

T = TypeVar("T")
R = TypeVar("R")
AHEAD = range(4, 65)  # results a thread that wait for their turn, as many as go into BUDGET
BUDGET = 1 << 26  # bytes
PATIENCE = 0.5  # seconds to wait for threads at the end


class BadItems:
    """What is done about items that cannot be read.

    Args:
        where: the original's FILE:LINE for the log.
        skip: leave them out, and say in the log which; else the first of them is raised.

    Attributes:
        count: how many have been left out.
    """

    def __init__(self, where: str, *, skip: bool) -> None:
        self.count = 0
        self._where, self._skip = where, skip

    def __call__(self, error: DataError) -> None:
        """Raise ``error``, or count it and say that its item is left out."""
        if not self._skip:
            raise error
        self.count += 1
        glog.warning(self._where, f"skipped {error}")


def thread_map(
    function: Callable[[T], R],
    items: Iterable[T],
    threads: int,
    bad: BadItems,
    nbytes: Callable[[R], int] = lambda result: BUDGET,
) -> Generator[R]:
    """``function`` of each item, in the order of the items, whatever the number of threads.

    Args:
        function: what several threads may do at once.
        items: taken one by one, a few ahead of what has been given out.
        threads: how many; with 1 there is none but the caller's.
        bad: gets each ``DataError``, in the order of the items.
        nbytes: the size of a result: of small ones more may wait, so that the threads go on
            while whoever takes the results is busy.

    Raises:
        DataError: as ``bad`` does.
    """

    def attempt(item: T) -> R | DataError:
        try:
            return function(item)
        except DataError as error:
            return error

    def room(result: R | DataError) -> int:
        if isinstance(result, DataError):
            return 0
        return min(BUDGET // max(1, nbytes(result)), AHEAD[-1] * threads)

    results = _in_turn(attempt, items, threads, room) if threads > 1 else map(attempt, items)
    for result in results:
        if isinstance(result, DataError):
            bad(result)
        else:
            yield result


def _in_turn(
    function: Callable[[T], R], items: Iterable[T], threads: int, room: Callable[[R], int]
) -> Iterator[R]:
    """Results in order; ``room`` says after each how many may wait."""
    most = least = AHEAD[0] * threads
    waiting: deque[Future[R]] = deque()
    tasks: SimpleQueue[tuple[Future[R], T] | None] = SimpleQueue()
    # not an executor's, for which the process would wait at its end: one of these may hang on
    # a file system that does not answer
    workers = [
        Thread(target=_work, args=(function, tasks), name="minicaffe-map", daemon=True)
        for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    try:
        for item in items:
            waiting.append(Future())
            tasks.put((waiting[-1], item))
            while len(waiting) >= most:
                result = waiting.popleft().result()
                most = max(least, room(result))
                yield result
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        for _ in workers:
            tasks.put(None)
        for worker in workers:
            worker.join(PATIENCE / threads)


def _work(function: Callable[[T], R], tasks: SimpleQueue[tuple[Future[R], T] | None]) -> None:
    while (task := tasks.get()) is not None:
        future, item = task
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function(item))
            except BaseException as error:  # noqa: BLE001  # raised again by result
                future.set_exception(error)
