"""Finding a record by its number in a database that knows keys alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from threading import Lock

MOST = 1 << 18  # keys that are kept, at most: some 20 MB


class Milestones:
    """The key of every so many-th record; the database is passed over as far as is asked for.

    Several threads may ask.

    Args:
        keys: called with a key, or None for the first; the keys from that one on, in order.
        every: how many records lie between two keys that are kept, to begin with.
    """

    def __init__(self, keys: Callable[[bytes | None], Iterator[bytes]], every: int = 1) -> None:
        self._keys, self._every = keys, every
        self._kept: list[bytes] = []
        self._known = 0  # so many records are there at least
        self._len: int | None = None
        self._lock = Lock()

    def __len__(self) -> int:
        """Number of records; all of the database is passed over, the first time."""
        with self._lock:
            return self._reach(None)

    def locate(self, number: int) -> tuple[int, bytes, int]:
        """Where record ``number`` is, counted on past the end; there is at least one record.

        Returns:
            The number less whole passes; a key; how many records after that key it is.
        """
        with self._lock:
            number %= self._reach(number)
            milestone, steps = divmod(number, self._every)
            return number, self._kept[milestone], steps

    def _reach(self, number: int | None) -> int:
        """Keep keys up to record ``number``, or to the end; how many records are known."""
        if self._len is not None or (number is not None and number < self._known):
            return self._known
        first = max(len(self._kept) - 1, 0) * self._every
        numbers = count(first)
        for key, at in zip(
            self._keys(self._kept[-1] if self._kept else None), numbers, strict=False
        ):
            if at == len(self._kept) * self._every:
                self._kept.append(key)
                if len(self._kept) > MOST:
                    self._kept, self._every = self._kept[::2], self._every * 2
            if at == number:
                self._known = at + 1
                return self._known
        self._known = self._len = next(numbers)
        return self._known
