"""Job: what the processes of one machine are to do together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from minicaffe.parallel.communicator import Communicator
from minicaffe.parallel.links import Links

if TYPE_CHECKING:
    from minicaffe.solver import Solver


class Job(ABC):
    """How each process makes its solver, and what ties them; it is pickled for them.

    Attributes:
        size: how many processes there are.
    """

    size: int

    @abstractmethod
    def build(self, rank: int) -> Solver:
        """The solver of ``rank``, on its device; of what ``follower`` gives on all but 0."""

    @abstractmethod
    def join(self, links: Links, solver: Solver) -> Communicator:
        """This process's end of the tie; every solver has been built."""

    def name(self, rank: int) -> str:
        """What a user calls the process."""
        return f"rank {rank}"
