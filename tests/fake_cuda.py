"""A stand-in for ``cupy.cuda``: streams that do their work as late, or as early, as they may.

On a GPU a stream goes on by itself. Code that forgets to wait is right by luck there, and wrong
here: the work of a late stream is done only when someone waits for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any


class Event:
    def __init__(self, *, block: bool = False, disable_timing: bool = False) -> None:
        self._wait: Callable[[], None] = lambda: None

    def synchronize(self) -> None:
        self._wait()


class Stream:
    def __init__(self, *, non_blocking: bool = False, late: bool = True) -> None:
        self.late = late
        self._work: deque[Callable[[], None]] = deque()
        self._issued = self._done = 0

    def issue(self, work: Callable[[], None]) -> None:
        """Do ``work`` after what was issued before."""
        self._work.append(work)
        self._issued += 1
        if not self.late:
            self.synchronize()

    def record(self, event: Event | None = None) -> Event:
        event, issued = event or Event(), self._issued
        event._wait = lambda: self._do(issued)
        return event

    def wait_event(self, event: Event) -> None:
        self.issue(event.synchronize)

    def synchronize(self) -> None:
        self._do(self._issued)

    def _do(self, count: int) -> None:
        while self._done < count:
            self._done += 1
            self._work.popleft()()


class runtime:  # noqa: N801  # CuPy's own name
    class CUDARuntimeError(RuntimeError):
        pass

    pinned: dict[int, int] = {}  # noqa: RUF012  # address to bytes, as the driver holds it

    @classmethod
    def hostRegister(cls, ptr: int, size: int, flags: int) -> None:  # noqa: N802
        if ptr in cls.pinned:
            raise cls.CUDARuntimeError("cudaErrorHostMemoryAlreadyRegistered")
        cls.pinned[ptr] = size

    @classmethod
    def hostUnregister(cls, ptr: int) -> None:  # noqa: N802
        if cls.pinned.pop(ptr, None) is None:
            raise cls.CUDARuntimeError("cudaErrorHostMemoryNotRegistered")


current: Any = Stream(late=False)


def get_current_stream() -> Stream:
    return current
