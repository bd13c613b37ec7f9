"""NCCL: solvers that train together, one a GPU, each in a process that a script has started.

    nccl = caffe.NCCL(solver, uid)  # uid: what NCCL.new_uid() gave the process that started all
    nccl.bcast()
    solver.add_callback(nccl)

After: python/caffe/_caffe.cpp, python/train.py.
"""

from __future__ import annotations

from typing import Any

from minicaffe.errors import DeviceError
from minicaffe.parallel.nccl import Ring, new_uid
from minicaffe.pycaffe import mode
from minicaffe.pycaffe.solver import Solver

__all__ = ["NCCL"]

_NEVER = (1 << 31) - 1  # iterations between two tests


class NCCL:
    """What ties the solvers of several processes together.

    Each says first which it is: ``set_device``, ``set_solver_count``, ``set_solver_rank``. From
    then on its solver reads its part of the records, and those of rank 1 and up do not test, show
    or write. Their dropout draws from a seed of their own.

    Differences: gradients are sent after the passes whatever ``layer_wise_reduce`` says; a
    process that fails is the script's affair, ``minicaffe train -gpu`` ends the others.
    """

    def __init__(self, solver: Solver, uid: bytes) -> None:
        """Tie ``solver`` to those that have been given the same ``uid``; waits for all of them.

        Raises:
            DeviceError: it is on the CPU, or CuPy has not found NCCL.
        """
        engine = solver.engine
        if engine.device.index is None:
            raise DeviceError(
                "NCCL(solver, uid): the solver is on the CPU, expected a GPU: set_device(n) and "
                "set_mode_gpu() come before it is made"
            )
        rank, count = mode.solver_rank(), mode.solver_count()
        if rank >= count:
            raise DeviceError(
                f"set_solver_rank({rank}) of set_solver_count({count}), expected a rank below it"
            )
        self._engine, self._count = engine, count
        self._ring = Ring(engine.device.xp, count, rank, uid)
        for step in engine.net.steps:
            shard = getattr(step.layer, "shard", None)
            if shard is not None:
                shard(rank, count)
        if rank:
            _silence(solver)
            engine.device.rng.bit_generator.advance(rank << 64)  # type: ignore[attr-defined]

    @staticmethod
    def new_uid() -> bytes:
        """A name for a group of solvers, which all of them are given.

        Raises:
            DeviceError: CuPy is missing, or has not found NCCL.
        """
        return new_uid()

    def bcast(self) -> None:
        """Give every solver the parameters of the first."""
        self._ring.broadcast([param.blob.data for param in self._engine.net.params])
        self._ring.finish()

    def on_start(self) -> None:
        """Before the passes of an iteration: what ``add_callback(nccl)`` calls."""
        self._ring.check()

    def on_gradients_ready(self) -> None:
        """Before the update: each gradient becomes its mean over the solvers."""
        learned = [param.blob for param in self._engine.net.params if param.lr_mult]
        self._ring.reduce([blob.diff for blob in learned], mean=True)
        self._ring.finish()

    def __call__(self, layer: int) -> None:
        """After a layer's backward, where a script asks for it: ``net.after_backward(nccl)``."""


def _silence(solver: Solver) -> None:
    param: Any = solver.param
    param.display = param.snapshot = 0
    param.test_initialization = param.snapshot_after_train = False
    if param.test_interval:
        param.test_interval = _NEVER
