"""BadRecords: the list of what was left out because it cannot be read."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from minicaffe import glog
from minicaffe.errors import DataError

Bad = tuple[bytes, DataError]  # a key, and what is wrong with its record
LISTED = 20  # each on a line of its own; the others are counted alone


class BadRecords:
    """Lists records that cannot be read in the log, each once, and counts them.

    Batches may be done in any order, by any thread: they are listed in the order in which they
    were begun, so that the log is the same for any threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[bytes] = set()
        self._times = self._reported = 0
        self._begun: deque[tuple[int, bool]] = deque()
        self._done: dict[int, Sequence[Bad]] = {}

    def __len__(self) -> int:
        """How many different ones have been listed or counted."""
        return len(self._keys)

    def begin(self, batch: int, *, anew: bool = False, report: bool = False) -> None:
        """Batch number ``batch`` is the next.

        Args:
            batch: its number.
            anew: those that are not done will never be.
            report: log the count before it, as a pass ends there.
        """
        with self._lock:
            if anew:
                self._begun.clear()
                self._done.clear()
            self._begun.append((batch, report))

    def done(self, batch: int, found: Sequence[Bad] = ()) -> None:
        """In batch number ``batch`` these keys were left out, because of these errors."""
        with self._lock:
            self._done[batch] = found
            while self._begun and self._begun[0][0] in self._done:
                number, report = self._begun.popleft()
                if report:
                    self._report()
                for each in self._done.pop(number):
                    self._add(*each)

    def add(self, key: bytes, error: DataError) -> None:
        """The record ``key`` was left out once more, because of ``error``."""
        with self._lock:
            self._add(key, error)

    def report(self) -> None:
        """Log the count, if it has grown since it was logged last."""
        with self._lock:
            self._report()

    def _add(self, key: bytes, error: DataError) -> None:
        self._times += 1
        if key in self._keys:
            return
        self._keys.add(key)
        if len(self._keys) <= LISTED:
            glog.warning("data_layer.cpp:1", f"skip_bad leaves out {error}")
        elif len(self._keys) == LISTED + 1:
            glog.warning("data_layer.cpp:1", "skip_bad: further records are counted, not listed")

    def _report(self) -> None:
        if self._times == self._reported:
            return
        self._reported = self._times
        glog.warning(
            "data_layer.cpp:1",
            f"skip_bad has left out {len(self._keys):,} record(s) so far, {self._times:,} time(s)",
        )
