"""Prefetcher: a thread that has the next batches ready before they are asked for."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from minicaffe import log
from minicaffe.errors import DataError

B = TypeVar("B")
Fill = Callable[[B, int, Callable[[], bool]], None]
PATIENCE = 1.0  # seconds that close waits for the thread


class _Failure:
    """What the thread puts in place of a batch when it could not make one."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Prefetcher(Generic[B]):
    """Buffers filled in turn by a thread, and handed out in the same order.

    There are only the buffers given: when all are full the thread waits. It ends with the
    process, and when the prefetcher is closed or forgotten.

    Args:
        fill: called as ``fill(buffer, number, stopped)`` with the buffer to fill, the number of
            the batch, and a function that says that the batch is no longer wanted. It must not
            hold on to whatever holds on to the prefetcher.
        buffers: at least two, one of which is always the taker's.
        first: number of the first batch.

    Attributes:
        waited: seconds that ``take`` had to wait, in all.
    """

    def __init__(self, fill: Fill[B], buffers: Iterable[B], first: int = 0) -> None:
        self.waited = 0.0
        self._waits = -1  # the first batch is waited for as a matter of course
        self._held: B | None = None
        self._failure: _Failure | None = None
        self._free: SimpleQueue[B | None] = SimpleQueue()
        self._ready: SimpleQueue[B | _Failure] = SimpleQueue()
        for buffer in buffers:
            self._free.put(buffer)
        stop = threading.Event()
        self._thread = threading.Thread(
            target=_work,
            args=(fill, self._free, self._ready, stop, first),
            name="minicaffe-prefetch",
            daemon=True,
        )
        self._end = weakref.finalize(self, _end, stop, self._free, self._thread)
        self._thread.start()

    def take(self) -> B:
        """The next batch. The one taken before may be overwritten from now on.

        Raises:
            DataError: and whatever else ``fill`` raised, now and at every later call.
        """
        if self._failure is not None:
            raise self._failure.error
        batch = self._get()
        if isinstance(batch, _Failure):
            self._failure = batch
            raise batch.error
        if self._held is not None:
            self._free.put(self._held)
        self._held = batch
        return batch

    def close(self) -> bool:
        """Stop the thread; what it had ready is lost.

        Returns:
            It has ended. It has not where ``fill`` takes too long to look at ``stopped``: then
            what it reads must be left open.
        """
        self._end()
        self._failure = self._failure or _Failure(DataError("prefetching has been closed"))
        return not self._thread.is_alive()

    def _get(self) -> B | _Failure:
        try:
            return self._ready.get_nowait()
        except Empty:
            pass
        if self._waits >= 0 and self._waits % 1000 == 0:
            log.info("blocking_queue.cpp:49", "Waiting for data")
        self._waits += 1
        begin = time.perf_counter()
        try:
            while True:
                try:
                    return self._ready.get(timeout=PATIENCE)
                except Empty:
                    if not self._thread.is_alive() and self._ready.empty():
                        error = "the prefetching thread is gone: was the process forked?"
                        return _Failure(DataError(error))
        finally:
            self.waited += time.perf_counter() - begin


def _work(
    fill: Fill[B],
    free: SimpleQueue[B | None],
    ready: SimpleQueue[B | _Failure],
    stop: threading.Event,
    number: int,
) -> None:
    while (buffer := free.get()) is not None and not stop.is_set():
        try:
            fill(buffer, number, stop.is_set)
        except BaseException as error:  # noqa: BLE001  # raised again by take
            ready.put(_Failure(error))
            return
        ready.put(buffer)
        number += 1


def _end(stop: threading.Event, free: SimpleQueue[B | None], thread: threading.Thread) -> None:
    stop.set()
    free.put(None)
    if thread is not threading.current_thread():  # the last reference may go anywhere
        thread.join(PATIENCE)
