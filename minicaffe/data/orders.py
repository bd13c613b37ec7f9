"""Random orders of records, each a function of a seed and of the number of what is given out."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from minicaffe.data.image import HostArray

Order = Callable[[int], int]  # number of what is given out, to number of the record
CACHED = 8  # orders that are kept: those of the passes and blocks that threads are in
_BLOCK, _CLASS, _PASS, _TURN = 3, 4, 5, 6  # streams of random numbers; others have 1 and 2


class Found(NamedTuple):
    """Which record is given out; the first and last of the block that it is in."""

    number: int
    first: int
    last: int


class Blocks:
    """A random order of each pass: of its blocks of ``buffer`` records, and within each.

    The blocks begin elsewhere in each pass, so that a record has other neighbours each time; one
    of them is smaller, where the buffer does not divide the pass, and one may go round the end.
    """

    def __init__(self, size: int, buffer: int, seed: int) -> None:
        self._size, self._buffer = size, min(buffer, size)
        self._count = -(-size // self._buffer)
        self._small = size - (self._count - 1) * self._buffer  # records of the last block
        self._permutation = lru_cache(CACHED)(partial(_permutation, seed))
        self._layout = lru_cache(CACHED)(partial(_layout, seed, size, self._buffer))

    def find(self, number: int) -> Found:
        """What is given out as ``number``."""
        size, buffer, small = self._size, self._buffer, self._small
        epoch, at = divmod(number, size)
        order, before_small, shift = self._layout(epoch)
        # after the small block, as if it were as large as the others
        place, at = divmod(at if at < before_small + small else at + buffer - small, buffer)
        block = int(order[place])
        length = small if block == self._count - 1 else buffer
        within = int(self._permutation(length, epoch, block, _BLOCK)[at])
        first = block * buffer + shift
        return Found(
            epoch * size + (first + within) % size, first % size, (first + length - 1) % size
        )


def balanced(classes: list[HostArray], seed: int) -> Order:
    """All classes, then all again; the records of each in a random order, then in another."""
    permutation = lru_cache(2 * len(classes) + CACHED)(partial(_permutation, seed))

    def order(number: int) -> int:
        turn, at = divmod(number, len(classes))
        which = int(permutation(len(classes), turn, 0, _TURN)[at])
        numbers = classes[which]
        epoch, at = divmod(turn, len(numbers))
        return int(numbers[permutation(len(numbers), epoch, which, _CLASS)[at]])

    return order


def _permutation(seed: int, size: int, *stream: int) -> HostArray:
    """The numbers below ``size`` in an order that depends on ``seed`` and ``stream`` alone."""
    return np.random.default_rng([seed, *stream]).permutation(size)


def _layout(seed: int, size: int, buffer: int, epoch: int) -> tuple[HostArray, int, int]:
    """Of a pass: the order of its blocks, records before the small one, where the first begins."""
    count = -(-size // buffer)
    rng = np.random.default_rng([seed, epoch, 0, _PASS])
    order = rng.permutation(count)
    before_small = int(np.flatnonzero(order == count - 1)[0]) * buffer
    return order, before_small, int(rng.integers(size))
