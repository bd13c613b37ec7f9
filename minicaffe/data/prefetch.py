"""Prefetcher: threads that have the next batches ready before they are asked for."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from minicaffe import glog
from minicaffe.errors import DataError

B = TypeVar("B")
Part = Callable[[], None]
Fill = Callable[[B, int, Callable[[], bool]], Iterable[Part] | None]
PATIENCE = 0.3  # seconds that close waits for the threads, all together


def cores() -> int:
    """How many this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Prefetcher(Generic[B]):
    """Buffers filled in turn by threads, and handed out in the same order.

    There are only the buffers given: when all are full the threads wait. They end with the
    process, and when the prefetcher is closed or forgotten.

    Args:
        fill: called as ``fill(buffer, number, stopped)`` with the buffer to fill, the number of
            the batch, and a function that says that the batch is no longer wanted. One call
            after the other, in order, whatever the thread: what has to be read in turn is read
            here. It returns the parts that may then be done at once, each by any thread, or
            none; the next part is asked for, again in turn, when a thread has time for it. It
            must not hold on to whatever holds on to the prefetcher.
        buffers: at least two, one of which is always the taker's.
        first: number of the first batch.
        threads: how many.

    Attributes:
        waited: seconds that ``take`` had to wait, in all.
    """

    def __init__(
        self, fill: Fill[B], buffers: Iterable[B], first: int = 0, threads: int = 1
    ) -> None:
        self.waited = 0.0
        self._waits = -1  # the first batch is waited for as a matter of course
        self._held: B | None = None
        self._error: BaseException | None = None
        self._process = os.getpid()
        self._next = first
        self._line = line = _Line(fill, buffers, first)
        self._threads = [
            threading.Thread(target=_work, args=(line,), name="minicaffe-prefetch", daemon=True)
            for _ in range(threads)
        ]
        self._end = weakref.finalize(self, _end, line, self._threads, self._process)
        for thread in self._threads:
            thread.start()

    def take(self) -> B:
        """The next batch. The one taken before may be overwritten from now on.

        Raises:
            DataError: and whatever else ``fill`` or a part raised, now and at every later call.
        """
        if self._process != os.getpid():
            raise DataError(
                f"the threads that read ahead belong to process {self._process}, and this is a "
                "fork of it, without them: make the net after the fork"
            )
        if self._error is not None:
            raise self._error
        batch = self._get()
        if isinstance(batch, _Failure):
            self._error = batch.error
            raise batch.error
        if self._held is not None:
            self._line.give_back(self._held)
        self._held = batch
        self._next += 1
        return batch

    @property
    def is_ready(self) -> bool:
        """``take`` would return a batch without waiting."""
        with self._line.changed:
            found = self._line.ready.get(self._next)
        return found is not None and not isinstance(found, _Failure) and self._error is None

    def close(self) -> bool:
        """Stop the threads; what they had ready is lost.

        Returns:
            They have ended. They have not where ``fill`` or a part takes too long to look at
            ``stopped``: then what it reads must be left open.
        """
        self._error = self._error or DataError("prefetching has been closed")
        self._end()
        return not any(thread.is_alive() for thread in self._threads)

    def _get(self) -> B | _Failure:
        ready = self._line.ready
        with self._line.changed:
            if self._next in ready:
                return ready.pop(self._next)
            if self._waits >= 0 and self._waits % 1000 == 0:
                glog.info("blocking_queue.cpp:49", "Waiting for data")
            self._waits += 1
            begin = time.perf_counter()
            try:
                self._line.changed.wait_for(lambda: self._next in ready or self._line.stopped())
            finally:
                self.waited += time.perf_counter() - begin
            if self._error is not None:  # another thread has closed it
                raise self._error
            return ready.pop(self._next)


class _Failure:
    """What takes the place of a batch that could not be made."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Job(Generic[B]):
    """A batch that is being filled.

    Attributes:
        begun, pending: parts that have been handed out; those that are not done.
        whole: all have been handed out.
        failed: the first part that failed, and its error.
    """

    def __init__(self, number: int, buffer: B) -> None:
        self.number, self.buffer = number, buffer
        self.begun = self.pending = 0
        self.whole = False
        self.failed: tuple[int, BaseException] | None = None

    def fail(self, part: int, error: BaseException) -> None:
        """Keep ``error`` if no part before ``part`` has failed: the same for any threads."""
        if self.failed is None or part < self.failed[0]:
            self.failed = part, error
        self.whole = True  # no further part is of use


class _Line(Generic[B]):
    """What the threads and the taker share: empty buffers, the batch in work, full buffers."""

    def __init__(self, fill: Fill[B], buffers: Iterable[B], first: int) -> None:
        self.changed = threading.Condition()
        self.ready: dict[int, B | _Failure] = {}
        self._turn = threading.Lock()
        self._fill, self._free = fill, deque(buffers)
        self._number = first  # of the next batch
        self._job: _Job[B] | None = None
        self._parts: Iterator[Part] = iter(())
        self._stopped = self._broken = False

    def next_part(self) -> tuple[_Job[B], int, Part] | None:
        """A part to be done, with its batch and its number there; None when all is over."""
        with self._turn:
            while not self._stopped and (job := self._job or self._begin()) is not None:
                try:
                    if job is not self._job:
                        self._job = job
                        parts = self._fill(job.buffer, job.number, self.stopped)
                        self._parts = iter(parts or ())
                    part = None if job.whole else next(self._parts, None)
                except BaseException as error:  # noqa: BLE001  # raised again by take
                    part = None
                    with self.changed:
                        job.fail(job.begun, error)
                with self.changed:
                    if part is not None:
                        job.begun, job.pending = job.begun + 1, job.pending + 1
                        return job, job.begun - 1, part
                    self._job, job.whole = None, True
                    self._settle(job)
        return None

    def done(self, job: _Job[B], part: int, error: BaseException | None) -> None:
        """Take note that a part of ``job`` is done, or has failed."""
        with self.changed:
            job.pending -= 1
            if error is not None:
                job.fail(part, error)
            self._settle(job)

    def give_back(self, buffer: B) -> None:
        """Let ``buffer`` be filled again."""
        with self.changed:
            self._free.append(buffer)
            self.changed.notify_all()

    def stop(self) -> None:
        """Let the threads end."""
        with self.changed:
            self._stopped = True
            self.changed.notify_all()

    def stopped(self) -> bool:
        """Nobody wants the batches any more."""
        return self._stopped

    def _begin(self) -> _Job[B] | None:
        """The next batch, when there is room for it."""
        with self.changed:
            self.changed.wait_for(lambda: self._stopped or self._broken or self._free)
            if self._stopped or self._broken:
                return None
            job = _Job(self._number, self._free.popleft())
            self._number += 1
            return job

    def _settle(self, job: _Job[B]) -> None:
        """Hand ``job`` out if it is done."""
        self._broken = self._broken or job.failed is not None
        if job.pending or not job.whole or job is self._job:
            return
        self.ready[job.number] = job.buffer if job.failed is None else _Failure(job.failed[1])
        self.changed.notify_all()


def _work(line: _Line[B]) -> None:
    while (found := line.next_part()) is not None:
        job, number, part = found
        error = None
        try:
            part()
        except BaseException as caught:  # noqa: BLE001  # raised again by take
            error = caught
        line.done(job, number, error)


def _end(line: _Line[B], threads: list[threading.Thread], process: int) -> None:
    if process != os.getpid():
        return  # in a fork there are no threads, and a lock may be held for ever
    line.stop()
    until = time.monotonic() + PATIENCE
    for thread in threads:
        if thread is not threading.current_thread():  # the last reference may go anywhere
            thread.join(max(0.0, until - time.monotonic()))
