"""Links: pipes from rank 0 to every other process of this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from minicaffe.errors import WorkerError

LOOK = 0.1  # seconds between two looks whether another rank has failed
PATIENCE = 5.0  # seconds in which it is known why one has


class Links:
    """One process's ends of the pipes.

    Attributes:
        rank: which process this is.
        size: how many there are.
        pipes: on rank 0 one to each other rank, in their order; elsewhere the one to rank 0.
        failure: why the others cannot go on; set by whoever finds out.
    """

    def __init__(self, rank: int, size: int, pipes: Sequence[Connection]) -> None:
        self.rank, self.size, self.pipes = rank, size, list(pipes)
        self.failure: WorkerError | None = None

    def share(self, value: Any) -> Any:
        """Rank 0's ``value``, everywhere."""
        if self.rank:
            return self.receive(0)
        for index in range(len(self.pipes)):
            self.send(index, value)
        return value

    def barrier(self) -> None:
        """Wait until every process has come here."""
        for index in range(len(self.pipes)):
            self.send(index, None)
        for index in range(len(self.pipes)):
            self.receive(index)

    def check(self) -> None:
        """Raise what has made another process fail, if one has."""
        if self.failure is not None:
            raise self.failure

    def send(self, index: int, value: Any) -> None:
        """Pickle ``value`` into pipe number ``index``; arrays go as they are."""
        self.check()
        try:
            self.pipes[index].send(value)
        except OSError as error:
            raise self._gone(index) from error

    def receive(self, index: int) -> Any:
        """What has been sent into pipe number ``index``, once it is there."""
        try:
            while not self.pipes[index].poll(LOOK):
                self.check()
            return self.pipes[index].recv()
        except (OSError, EOFError) as error:
            raise self._gone(index) from error

    def close(self) -> None:
        """Close this process's ends."""
        for pipe in self.pipes:
            pipe.close()

    def _gone(self, index: int) -> WorkerError:
        """Why, as whoever watches the processes finds out at about the same time."""
        end = time.monotonic() + (0 if self.rank else PATIENCE)
        while self.failure is None and time.monotonic() < end:
            time.sleep(LOOK)
        if self.failure is not None:
            return self.failure
        error = WorkerError(f"rank {0 if self.rank else index + 1} has closed its pipe")
        error.rank = 0 if self.rank else index + 1
        return error
