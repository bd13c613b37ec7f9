"""NCCL: solvers that train together, one a GPU; its names, until it is there."""

from __future__ import annotations

from typing import Any, NoReturn

from minicaffe.errors import DeviceError
from minicaffe.pycaffe.mode import has_nccl

__all__ = ["NCCL"]


class NCCL:
    """What ties the solvers of several processes together.

    After: python/caffe/_caffe.cpp, python/train.py. Difference: not supported yet; a script asks
    ``has_nccl()`` first.
    """

    def __init__(self, solver: Any, uid: bytes) -> None:
        """Tie ``solver`` to those that have been given the same ``uid``.

        Raises:
            DeviceError: always, as for the methods.
        """
        _refuse("NCCL(solver, uid)")

    @staticmethod
    def new_uid() -> bytes:
        """A name for a group of solvers."""
        _refuse("NCCL.new_uid()")

    def bcast(self) -> None:
        """Give every solver the parameters of the first."""
        _refuse("NCCL.bcast()")

    def on_start(self) -> None:
        """Before the passes of an iteration: what ``add_callback(nccl)`` calls."""
        _refuse("NCCL.on_start()")

    def on_gradients_ready(self) -> None:
        """Before the update: add up the gradients."""
        _refuse("NCCL.on_gradients_ready()")


def _refuse(what: str) -> NoReturn:
    raise DeviceError(
        f"{what}: training on several devices is not supported yet (has_nccl() is {has_nccl()}), "
        "expected one: set_device(n); set_mode_gpu() and a solver of its own train on GPU n"
    )
