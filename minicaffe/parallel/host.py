"""HostCommunicator: arrays through the pipes, for processes that compute on the CPU.

It is there to hold what is built on it to account where there is no GPU: rank 0 adds up, in the
order of the ranks, and nothing is done while something else is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minicaffe.device import Array
from minicaffe.parallel.communicator import Communicator
from minicaffe.parallel.links import Links


class HostCommunicator(Communicator):
    """Rank 0 in the middle of a star of pipes."""

    def __init__(self, links: Links) -> None:
        self.rank, self.size = links.rank, links.size
        self._links = links

    def share(self, value: Any) -> Any:
        """Through the pipes, as arrays go."""
        return self._links.share(value)

    def broadcast(self, arrays: Sequence[Array]) -> None:
        """One array after the other."""
        for array in arrays:
            shared = self._links.share(array if self.rank == 0 else None)
            if self.rank:
                array[...] = shared

    def sum(self, arrays: Sequence[Array]) -> None:
        """On rank 0, which sends the sums back."""
        if self.rank:
            self._links.send(0, list(arrays))
        else:
            for index in range(len(self._links.pipes)):
                for array, other in zip(arrays, self._links.receive(index), strict=True):
                    array += other
        self.broadcast(arrays)

    def barrier(self) -> None:
        """Through the pipes."""
        self._links.barrier()

    def check(self) -> None:
        """What the pipes know."""
        self._links.check()

    def close(self) -> None:
        """Close the pipes."""
        self._links.close()
