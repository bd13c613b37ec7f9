"""Where nets and solvers are built from now on: ``set_mode_gpu()`` and its siblings.

All of it is the process's, for every thread: a thread started later computes where the main one
said. Difference: the original keeps a mode for each thread, and a new thread is on the CPU.
What is built stays where it was built.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minicaffe.device import Device, cpu
from minicaffe.errors import DeviceError
from minicaffe.gpus import count_gpus, list_gpus, use_gpu
from minicaffe.parallel import nccl

__all__ = [
    "device",
    "has_nccl",
    "set_device",
    "set_mode_cpu",
    "set_mode_gpu",
    "set_multiprocess",
    "set_random_seed",
    "set_solver_count",
    "set_solver_rank",
    "solver_count",
    "solver_rank",
    "use",
]


@dataclass
class _Mode:
    """What the functions below set, each under ``lock``."""

    device: Device = field(default_factory=cpu)
    gpu: int = 0
    solver_count: int = 1
    solver_rank: int = 0
    multiprocess: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)


_mode = _Mode()


def device() -> Device:
    """What a net or a solver that is made now is built on."""
    return _mode.device


def use(device: Device) -> None:
    """Build on ``device`` from now on, whatever it is."""
    with _mode.lock:
        _mode.device = device


def set_mode_cpu() -> None:
    """Build on the CPU from now on, as at first."""
    with _mode.lock:
        use(Device(np, None, _mode.device.rng))


def set_mode_gpu() -> None:
    """Build on the GPU from now on: number 0, or what ``set_device`` said.

    Raises:
        DeviceError: CuPy or the GPU is missing; the mode is what it was.
    """
    with _mode.lock:
        cupy = _gpu(_mode.gpu, "set_mode_gpu()")
        use(Device(cupy, _mode.gpu, _mode.device.rng))


def set_device(number: int) -> None:
    """Take GPU ``number`` where the GPU is used; does not itself turn to the GPU.

    Raises:
        DeviceError: there is none of that number; nothing has changed.
    """
    with _mode.lock:
        cupy = _gpu(number, f"set_device({number})")
        _mode.gpu = number
        if _mode.device.index is not None:
            use(Device(cupy, number, _mode.device.rng))


def set_random_seed(seed: int) -> None:
    """Draw from ``seed`` on: fillers, dropout, data; also in nets that are there already.

    A solver whose definition has a ``random_seed`` has a source of its own, which this leaves.
    """
    with _mode.lock:
        fresh = np.random.default_rng(int(seed) & 0xFFFFFFFFFFFFFFFF)
        _mode.device.rng.bit_generator.state = fresh.bit_generator.state


def solver_count() -> int:
    """How many solvers train together: what ``set_solver_count`` said, else 1."""
    return _mode.solver_count


def set_solver_count(count: int) -> None:
    """Say how many solvers train together, each in a process of its own: what ``NCCL`` ties.

    Raises:
        DeviceError: below 1.
    """
    if count < 1:
        raise DeviceError(f"the count of solvers is {count}, expected >= 1")
    _mode.solver_count = int(count)


def solver_rank() -> int:
    """Which of the solvers this process is: what ``set_solver_rank`` said, else 0, the root."""
    return _mode.solver_rank


def set_solver_rank(rank: int) -> None:
    """Note ``rank``.

    Raises:
        DeviceError: below 0.
    """
    if rank < 0:
        raise DeviceError(f"the rank of a solver is {rank}, expected >= 0")
    _mode.solver_rank = int(rank)


def set_multiprocess(multiprocess: bool) -> None:
    """Note that each solver is a process of its own, the only way there is here."""
    _mode.multiprocess = bool(multiprocess)


def has_nccl() -> bool:
    """Solvers can train together over NCCL: CuPy is there, and has found it."""
    return nccl.has_nccl()


def _gpu(number: int, asker: str) -> Any:
    """CuPy, computing on GPU ``number`` from now on in this thread."""
    try:
        cupy, count = count_gpus()
    except DeviceError as error:
        raise DeviceError(f"{asker}: {error}; set_mode_cpu() computes without") from error
    if not 0 <= number < count:
        raise DeviceError(f"{asker}: device is {number}, expected one of {list_gpus(cupy, count)}")
    try:
        use_gpu(cupy, number)
    except DeviceError as error:
        raise DeviceError(f"{asker}: {error}") from error
    return cupy
