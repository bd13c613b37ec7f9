"""Communicator: what processes that train together can tell each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from minicaffe.device import Array


class Communicator(ABC):
    """One process's end of what ties ``size`` of them together.

    Every process makes the same calls in the same order, with arrays of the same shapes. A call
    may return before the device has done what it asks for; what the device is given after
    ``finish`` sees it done.

    Attributes:
        rank: which of the processes this is; 0 is the one that tests, shows and writes.
        size: how many there are.
    """

    rank: int
    size: int

    @abstractmethod
    def share(self, value: Any) -> Any:
        """Rank 0's ``value``, a few words that can be pickled, on every rank.

        Raises:
            WorkerError: a process is gone; as for every other method.
        """

    @abstractmethod
    def broadcast(self, arrays: Sequence[Array]) -> None:
        """Write rank 0's ``arrays`` over those of the others."""

    @abstractmethod
    def sum(self, arrays: Sequence[Array]) -> None:
        """Add up each array over the ranks, in place; all of them get the same bits."""

    def average(self, arrays: Sequence[Array]) -> None:
        """``sum``, divided by ``size``; as soon as the device has computed ``arrays``."""
        self.sum(arrays)
        for array in arrays:
            array *= 1 / self.size

    @property
    def is_live(self) -> bool:
        """What is computed now is done now, and not only recorded to be done later."""
        return True

    def finish(self) -> None:
        """Let what the device computes from now on see what has been begun."""
        return

    @abstractmethod
    def barrier(self) -> None:
        """Wait until every rank has come here."""

    @abstractmethod
    def check(self) -> None:
        """Return at once where every other rank is well."""

    def settle(self) -> None:
        """Wait until all that has been begun is done, and well: before what it has led to is kept.

        Raises:
            WorkerError: another rank is gone; what is there is worth nothing.
        """
        self.check()

    def abort(self) -> None:
        """From any thread: end the calls that wait for a rank that is gone."""
        return

    def close(self) -> None:
        """Release what ties this process to the others."""
        return
