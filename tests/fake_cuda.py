"""A stand-in for ``cupy.cuda``: streams, graphs, memory and the copies that cross the bus.

On a GPU a stream goes on by itself. Code that forgets to wait is right by luck there, and wrong
here: the work of a late stream is done only when someone waits for it. While a stream is captured
nothing of it is done; launching the graph does it all again, in the same memory. Memory that has
been given back is given out anew as it is, and counted.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np


@dataclass(eq=False)
class Counts:
    """What has crossed the bus, and how much was given the device to do.

    Attributes:
        to_host, to_device: copies; ``..._bytes`` their sizes together.
        launches: operations on arrays, of graphs one for each.
    """

    to_host: int = 0
    to_host_bytes: int = 0
    to_device: int = 0
    to_device_bytes: int = 0
    launches: int = 0


_open: list[Counts] = []


@contextmanager
def counted() -> Iterator[Counts]:
    """Count what is done inside."""
    counts = Counts()
    _open.append(counts)
    try:
        yield counts
    finally:
        _open.remove(counts)


def count(**more: int) -> None:
    for counts in _open:
        for name, number in more.items():
            setattr(counts, name, getattr(counts, name) + number)


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

    @staticmethod
    def memGetInfo() -> tuple[int, int]:  # noqa: N802
        return max(0, card.size - card.taken), card.size

    @staticmethod
    def getDeviceCount() -> int:  # noqa: N802
        return 1


class Event:
    def __init__(
        self, block: bool = False, disable_timing: bool = False, interprocess: bool = False
    ) -> None:
        self._wait: Callable[[], None] = lambda: None

    def synchronize(self) -> None:
        refuse_in_capture("an event is waited for")
        self._wait()


class Stream:
    def __init__(self, *, non_blocking: bool = False, late: bool = True) -> None:
        self.late = late
        self._work: deque[Callable[[], None]] = deque()
        self._issued = self._done = 0
        self._tape: list[Callable[[], None]] | None = None
        self._spoilt = ""
        self._before: list[Any] = []

    ptr = property(id)

    def __enter__(self) -> Stream:
        global current
        self._before.append(current)
        current = self
        return self

    def __exit__(self, *args: object) -> None:
        global current
        current = self._before.pop()

    def issue(self, work: Callable[[], None]) -> None:
        """Do ``work`` after what was issued before."""
        if self._tape is not None:
            self._tape.append(work)
            return
        self._work.append(work)
        self._issued += 1
        if not self.late:
            self.synchronize()

    def record(self, event: Event | None = None) -> Event:
        event, issued = event or Event(), self._issued
        event._wait = lambda: self._do(issued)
        return event

    def wait_event(self, event: Event) -> None:
        self.issue(event._wait)

    def synchronize(self) -> None:
        refuse_in_capture("a stream is waited for")
        self._do(self._issued)

    def _do(self, count: int) -> None:
        while self._done < count:
            self._done += 1
            self._work.popleft()()

    def begin_capture(self, mode: int | None = None) -> None:
        if self is null:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        self._tape, self._spoilt = [], ""

    def is_capturing(self) -> bool:
        return self._tape is not None

    def end_capture(self) -> Graph:
        tape, self._tape = self._tape, None
        if tape is None:
            raise runtime.CUDARuntimeError("cudaErrorIllegalState: no capture has begun")
        if self._spoilt:
            raise runtime.CUDARuntimeError(
                f"cudaErrorStreamCaptureInvalidated: {self._spoilt} during the capture"
            )
        return Graph(tape)


class Graph:
    """What a capture has recorded; only ``Stream.end_capture`` makes one."""

    def __init__(self, tape: list[Callable[[], None]]) -> None:
        self._tape = tape

    def launch(self, stream: Stream | None = None) -> None:
        refuse_in_capture("a graph is launched")
        count(launches=1)
        for work in self._tape:
            work()


null = Stream(late=False)
current: Any = null


def get_current_stream() -> Any:
    return current


def refuse_in_capture(what: str) -> None:
    """Raise as CUDA does where ``what`` cannot be part of a graph; the capture is spoilt then."""
    if current.is_capturing():
        current._spoilt = current._spoilt or what
        raise runtime.CUDARuntimeError(
            f"cudaErrorStreamCaptureUnsupported: operation not permitted while a stream is "
            f"captured: {what}"
        )


def launch(work: Callable[[], None]) -> None:
    """Do ``work`` on arrays in the current stream, or let its capture have it."""
    if current.is_capturing():
        current._tape.append(work)
    else:
        count(launches=1)
        work()


class OutOfMemoryError(MemoryError):
    """As ``cupy.cuda.memory`` has it."""


memory = SimpleNamespace(OutOfMemoryError=OutOfMemoryError)


@dataclass
class Card:
    """The memory that there is.

    Attributes:
        size: bytes.
        taken: of them by pools.
    """

    size: int = 1 << 34
    taken: int = 0

    def take(self, size: int) -> np.ndarray:
        if self.taken + size > self.size:
            raise OutOfMemoryError(
                f"Out of memory allocating {size:,} bytes (allocated so far: {self.taken:,} bytes)."
            )
        self.taken += size
        return np.full(size, 0xFF, np.uint8)


card = Card()
_LINE = 512  # bytes that sizes are rounded up to


class Block:
    """Memory from a pool, which gets it back with the last array that lies in it."""

    def __init__(self, pool: MemoryPool, size: int) -> None:
        self._pool = pool
        self.bytes = pool._take(size)

    def __del__(self) -> None:
        if hasattr(self, "bytes"):
            self._pool._give(self.bytes)


class MemoryPool:
    """As CuPy's, it takes what is free in it along when it goes: nobody gets that back."""

    def __init__(self, allocator: Any = None) -> None:
        self._free: defaultdict[int, list[np.ndarray]] = defaultdict(list)
        self._used = self._total = 0

    def malloc(self, size: int) -> Block:
        return Block(self, size)

    def used_bytes(self) -> int:
        return self._used

    def total_bytes(self) -> int:
        return self._total

    def free_bytes(self) -> int:
        return self._total - self._used

    def free_all_blocks(self, stream: Any = None) -> None:
        self._free.clear()
        card.taken -= self._total - self._used
        self._total = self._used

    def _take(self, size: int) -> np.ndarray:
        size = -(-size // _LINE) * _LINE
        if self._free[size]:
            found = self._free[size].pop()
        else:
            try:
                found = card.take(size)
            except OutOfMemoryError:
                self.free_all_blocks()
                found = card.take(size)
            self._total += size
        self._used += size
        return found

    def _give(self, memory: np.ndarray) -> None:
        self._used -= memory.size
        self._free[memory.size].append(memory)


default_pool = MemoryPool()
_allocator: Callable[[int], Block] = default_pool.malloc


@contextmanager
def using_allocator(allocator: Callable[[int], Block]) -> Iterator[None]:
    global _allocator
    before, _allocator = _allocator, allocator
    try:
        yield
    finally:
        _allocator = before


def alloc(size: int) -> Block:
    return _allocator(size)
