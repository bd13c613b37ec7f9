"""What each process of ``minicaffe train -gpu 0,1`` does."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

from minicaffe.cli import _flags
from minicaffe.cli._device import asker, gpu_device
from minicaffe.device import Device
from minicaffe.parallel.communicator import Communicator
from minicaffe.parallel.job import Job
from minicaffe.parallel.links import Links
from minicaffe.parallel.nccl import NcclCommunicator, library
from minicaffe.parallel.together import follow, follower
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solver import Solver


@dataclass
class GpuJob(Job):
    """A solver on each of some GPUs, tied by NCCL; with one or none, a solver like any other.

    Attributes:
        args: the command line.
        definition: a ``SolverParameter``, as bytes: messages do not go to other processes.
        gpus: their numbers.
    """

    args: Namespace
    definition: bytes
    gpus: list[int]

    @property
    def size(self) -> int:  # type: ignore[override]
        """One process a GPU."""
        return max(1, len(self.gpus))

    def build(self, rank: int) -> Solver:
        """The solver of ``rank``; its blobs share memory as far as they may."""
        param = SolverParameter.FromString(self.definition)
        if rank:
            _flags.apply_lenient(self.args)
        device = self.device(rank, param)
        _flags.use_threads(self.args.threads, deterministic=self.args.deterministic)
        solver = Solver(follower(param) if rank else param, device)
        try:
            follow(solver, param)
            share_memory(solver, alone=self.size == 1)
        except BaseException:
            solver.close()
            raise
        return solver

    def device(self, rank: int, param: SolverParameter) -> Device:
        """The GPU of ``rank``; where several are to be joined, they can be."""
        device = gpu_device(self.gpus, rank, asker(self.args, param), self.args.precision)
        if self.size > 1:
            library(device.xp)
        return device

    def join(self, links: Links, solver: Solver) -> Communicator:
        """Over NCCL."""
        return NcclCommunicator(links, solver.device.xp)

    def name(self, rank: int) -> str:
        """As the command line has it."""
        return f"GPU {self.gpus[rank]} (rank {rank})"


def share_memory(solver: Solver, *, alone: bool) -> None:
    """Nobody looks into the blobs between the layers, but ``debug_info``.

    Nor at gradients, where the solver is ``alone``, unless it is told to do more with them.
    """
    from minicaffe.buffers import share_all, share_data, share_diffs
    from minicaffe.early_update import obstacle

    if solver.param.debug_info or solver.net.debug_info:
        share_diffs(solver.net)
    elif alone and not obstacle(solver):
        solver.update_early()
    else:
        share_all(solver.net)
    for net in solver.test_nets:
        share_data(net)
