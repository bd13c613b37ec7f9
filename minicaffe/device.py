"""Where arrays live: one object a net is built with, never a global."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

Array = Any  # numpy.ndarray or cupy.ndarray; they share no base class


@dataclass(frozen=True)
class Device:
    """A place to compute on.

    Attributes:
        xp: the array module, ``numpy`` or ``cupy``.
        index: CUDA device number, None on the CPU.
        rng: source of all randomness of what is built on this device. It lives on the host, so
            that one seed gives the same run on every device, and its state can be saved.
    """

    xp: ModuleType
    index: int | None
    rng: np.random.Generator

    def to_numpy(self, array: Array) -> np.ndarray[Any, np.dtype[Any]]:
        """``array`` as a numpy array; no copy when it already is one."""
        return np.asarray(array if self.xp is np else array.get())


def cpu(seed: int | None = None) -> Device:
    """The CPU, computing with numpy; ``seed`` None draws one from the system."""
    return Device(np, None, np.random.default_rng(seed))
