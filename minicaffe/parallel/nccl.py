"""NcclCommunicator: arrays from GPU to GPU, over NCCL as CuPy has it.

After: src/caffe/parallel.cpp (NCCL). Differences: gradients stay where they are, each an array of
its own, and NCCL is given several at once; a process that is gone ends the others.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from minicaffe.device import Array
from minicaffe.errors import DeviceError, WorkerError
from minicaffe.gpus import INSTALL as CUPY
from minicaffe.parallel.communicator import Communicator
from minicaffe.parallel.links import Links

INSTALL = "pip install nvidia-nccl-cu12, or nvidia-nccl-cu13 where CuPy is cupy-cuda13x"


def has_nccl() -> bool:
    """CuPy is there, and has found NCCL."""
    try:
        import cupy
    except ImportError:
        return False
    return bool(_library(cupy).available)


def new_uid() -> bytes:
    """What one process makes, and all that are to be tied together are given.

    Raises:
        DeviceError: CuPy or NCCL is missing.
    """
    try:
        import cupy
    except ImportError as error:
        raise DeviceError(f"CuPy is not installed, expected it to join GPUs: {CUPY}") from error
    uid: bytes = library(cupy).get_unique_id()
    return uid


def library(xp: ModuleType) -> Any:
    """``xp.cuda.nccl``.

    Raises:
        DeviceError: CuPy has not found NCCL.
    """
    nccl = _library(xp)
    if not nccl.available:
        raise DeviceError(f"CuPy has not found NCCL, expected it to join GPUs: {INSTALL}")
    return nccl


def _library(xp: ModuleType) -> Any:
    nccl = getattr(xp.cuda, "nccl", None)  # there once it has been imported
    if nccl is None:
        with warnings.catch_warnings():  # of what ``available`` says too
            warnings.simplefilter("ignore", UserWarning)
            nccl = importlib.import_module("cupy.cuda.nccl")
    return nccl


class Ring:
    """An NCCL communicator, and the stream that it works in.

    NCCL's work is begun in a stream of its own, after what the current stream has been given so
    far: the device sends the gradients of one layer while it computes those of the next.

    Args:
        xp: ``cupy``, on the device that this process computes on.
        size: how many processes there are.
        rank: which of them this is.
        uid: what ``get_unique_id`` gave one of them.
    """

    def __init__(self, xp: ModuleType, size: int, rank: int, uid: bytes) -> None:
        self._nccl, self._cuda = library(xp), xp.cuda
        self._stream = xp.cuda.Stream(non_blocking=True)
        self._types = {
            np.dtype(np.float32): self._nccl.NCCL_FLOAT32,
            np.dtype(np.float64): self._nccl.NCCL_FLOAT64,
        }
        self._ring = self._call(lambda: self._nccl.NcclCommunicator(size, uid, rank))
        self._aborted = False

    def broadcast(self, arrays: Sequence[Array]) -> None:
        """Rank 0's, over those of the others."""
        self._begin(
            arrays,
            lambda pointer, count, kind, stream: self._ring.bcast(pointer, count, kind, 0, stream),
        )

    def reduce(self, arrays: Sequence[Array], *, mean: bool = False) -> None:
        """Add up over the ranks, or take the mean."""
        op = self._nccl.NCCL_AVG if mean else self._nccl.NCCL_SUM
        self._begin(
            arrays,
            lambda pointer, count, kind, stream: self._ring.allReduce(
                pointer, pointer, count, kind, op, stream
            ),
        )

    @property
    def is_live(self) -> bool:
        """The current stream is not captured."""
        return not self._cuda.get_current_stream().is_capturing()

    def finish(self) -> None:
        """The current stream waits for what has been begun."""
        self._cuda.get_current_stream().wait_event(self._event(self._stream))

    def settle(self) -> None:
        """Wait for what the current stream has been given."""
        self._cuda.get_current_stream().synchronize()

    def check(self) -> None:
        """Raise what NCCL has found out by itself."""
        if not self._aborted:
            self._call(self._ring.check_async_error)

    def abort(self) -> None:
        """End what waits for a rank that is gone; nothing can be begun after that."""
        if not self._aborted:
            self._aborted = True
            self._ring.abort()

    def close(self) -> None:
        """Wait for what has been begun, and leave."""
        if not self._aborted:
            self._aborted = True
            self._stream.synchronize()
            self._ring.destroy()

    def _begin(self, arrays: Sequence[Array], each: Callable[[int, int, int, int], None]) -> None:
        self._stream.wait_event(self._event(self._cuda.get_current_stream()))
        stream = self._stream.ptr

        def run() -> None:
            self._nccl.groupStart()
            for array in arrays:
                each(array.data.ptr, array.size, self._types[array.dtype], stream)
            self._nccl.groupEnd()

        self._call(run)

    def _call(self, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except self._nccl.NcclError as error:
            raise WorkerError(f"NCCL: {error}; NCCL_DEBUG=INFO has it say more") from error

    def _event(self, stream: Any) -> Any:
        return stream.record(self._cuda.Event(disable_timing=True))


class NcclCommunicator(Communicator):
    """NCCL for arrays, pipes for words.

    Args:
        links: to the other processes, each of which makes one of these now.
        xp: ``cupy``, on the device that this process computes on.
    """

    def __init__(self, links: Links, xp: ModuleType) -> None:
        self.rank, self.size = links.rank, links.size
        self._links = links
        uid = links.share(None if links.rank else library(xp).get_unique_id())
        self._ring = Ring(xp, links.size, links.rank, uid)

    def share(self, value: Any) -> Any:
        """Through the pipes: what a process is told must not wait for the device."""
        return self._links.share(value)

    def broadcast(self, arrays: Sequence[Array]) -> None:
        """Over NCCL."""
        self.check()
        self._ring.broadcast(arrays)
        self._ring.finish()

    def sum(self, arrays: Sequence[Array]) -> None:
        """Over NCCL."""
        self.check()
        self._ring.reduce(arrays)
        self._ring.finish()

    def average(self, arrays: Sequence[Array]) -> None:
        """Over NCCL, beside what is computed until ``finish``."""
        self._links.check()
        self._ring.reduce(arrays, mean=True)

    @property
    def is_live(self) -> bool:
        """The current stream is not captured."""
        return self._ring.is_live

    def finish(self) -> None:
        """The current stream waits; the host does not."""
        self._ring.finish()

    def barrier(self) -> None:
        """Of the processes; their devices may still be at work."""
        self._links.barrier()

    def check(self) -> None:
        """What the pipes know, and NCCL."""
        self._links.check()
        self._ring.check()

    def settle(self) -> None:
        """Wait for the device; where its work was aborted, it is known by then."""
        self._ring.settle()
        self.check()

    def abort(self) -> None:
        """Of NCCL's work; what waits for a pipe looks by itself."""
        self._ring.abort()

    def close(self) -> None:
        """Leave NCCL and close the pipes."""
        self._ring.close()
        self._links.close()
