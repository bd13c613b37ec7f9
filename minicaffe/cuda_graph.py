"""Recorded: work on a GPU that is done once in full, and from then on by one launch.

The host calls the same functions in the same order in every iteration, and only tells the GPU
what it told it before. A CUDA graph keeps that. What does change is not kept: numbers that the
host provides lie in the card's memory and are brought up to date before each launch, by a kernel
that gets them as its arguments, so that nothing crosses the bus.

A recording has memory of its own, which no other array is ever given: what lies in it between two
steps of the work may be overwritten by each launch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from minicaffe.device import Array, Device
from minicaffe.host import Make, TakeBack

T = TypeVar("T")

_retired: list[Any] = []  # pools of recordings that are gone, in which an array may still lie


class NotRecordedError(Exception):
    """Work cannot be recorded; nothing of it has been done."""


class Recorded(Generic[T]):
    """Work that has been recorded: ``run`` does it again.

    Attributes:
        result: what the work returned; the arrays in it are written by each run.
    """

    def __init__(self, device: Device, work: Callable[[], T]) -> None:
        """Record ``work``, which must have been done before, with the same arrays; it is not done.

        Raises:
            NotRecordedError: it does what cannot be recorded; random numbers, and what is counted
                on the host, are as before.
        """
        xp, rng = device.xp, device.rng.bit_generator
        _sweep()
        self._numbers = _Numbers(xp)
        self._pool = xp.cuda.MemoryPool()
        xp.get_default_memory_pool().free_all_blocks()  # it needs as much again as what ran before
        stream, before = xp.cuda.Stream(), rng.state
        allocator = xp.cuda.using_allocator(self._pool.malloc)
        try:
            with device.host.recording(self._numbers), stream, allocator:
                stream.begin_capture()
                try:
                    self.result = work()
                finally:
                    self._graph = stream.end_capture()
        except Exception as error:
            rng.state = before
            raise NotRecordedError(_first_line(error)) from error
        self._is_fresh = True

    def __del__(self) -> None:
        """Give the memory back: CuPy's pools keep what is free in them even when they are gone."""
        if sys.is_finalizing():
            return
        pools = [numbers.pool] if (numbers := vars(self).pop("_numbers", None)) else []
        pools += [pool] if (pool := vars(self).pop("_pool", None)) else []
        vars(self).clear()  # the graph, and arrays that lie in the pools
        numbers = None
        _retired.extend(pools)
        _sweep()

    def run(self) -> T:
        """Do the work, in the current stream; the first time with the numbers it was recorded with.

        Returns:
            ``result``.
        """
        self._numbers.write(anew=not self._is_fresh)
        self._is_fresh = False
        self._graph.launch()
        return self.result


class _Numbers:
    """What the host provides, in the order in which the work asks for it.

    It lies in memory apart: in that of the recording, what runs before it is read could have had
    the same place, and would write there again.
    """

    def __init__(self, xp: Any) -> None:
        self._xp, self.pool = xp, xp.cuda.MemoryPool()
        self._asked: list[tuple[Make, Array]] = []
        self._values: list[Any] = []
        self._written: list[Any] = []
        self._take_back: list[TakeBack] = []

    def number(self, make: Make, dtype: DTypeLike, take_back: TakeBack | None) -> Array:
        """What ``make`` returns, as an array of no axes that ``write`` keeps up to date."""
        with self._xp.cuda.using_allocator(self.pool.malloc):
            array = self._xp.empty((), dtype)
        self._asked.append((make, array))
        self._values.append(make())
        self._written.append(None)
        if take_back is not None:
            self._take_back.append(take_back)
        return array

    def take_back(self) -> None:
        """The recording has come to nothing: its counting is undone, the last first."""
        for take_back in reversed(self._take_back):
            take_back()

    def write(self, *, anew: bool) -> None:
        """Bring to the device the values of the recording, or new ones."""
        for index, (make, array) in enumerate(self._asked):
            value = self._values[index] = make() if anew else self._values[index]
            if value != self._written[index]:
                array.fill(np.dtype(array.dtype).type(value))
                self._written[index] = value


def _sweep() -> None:
    """Free what is free in the pools of recordings that are gone; forget those that are empty."""
    for pool in tuple(_retired):
        pool.free_all_blocks()
        if not pool.total_bytes():
            _retired.remove(pool)


def _first_line(error: BaseException) -> str:
    first = error.__context__ or error  # that the capture is spoilt says less than what spoilt it
    return f"{type(first).__name__}: {first}".splitlines()[0]
