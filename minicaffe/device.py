"""Where arrays live: one object a net is built with, never a global."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minicaffe.errors import DeviceError
from minicaffe.host import Host

Array = Any  # numpy.ndarray or cupy.ndarray; they share no base class

_APART = 1024  # bytes on each side of an array
_LINE = 64  # bytes in a cache line


@dataclass(frozen=True)
class Device:
    """A place to compute on.

    Attributes:
        xp: the array module, ``numpy`` or ``cupy``.
        index: CUDA device number, None on the CPU.
        rng: source of all randomness of what is built on this device. It lives on the host, so
            that one seed gives the same run on every device, and its state can be saved.
        shapes_only: what is built is looked at and never run: parameters are not filled, and
            nothing is written.
        precision: how exactly a GPU multiplies float32, one of ``precision``'s; ``ops.products``
            says what they are. What is kept is float32 always.
        host: lends it numbers, and looks at what it has found in the data.
    """

    xp: ModuleType
    index: int | None
    rng: np.random.Generator
    shapes_only: bool = False
    precision: str = "fp32"
    host: Host = field(default_factory=Host, repr=False, compare=False)

    def zeros(self, shape: int | tuple[int, ...], dtype: DTypeLike) -> Array:
        """Zeros that start on a cache line and lie far from every other array.

        A compiled loop that reads one array and writes another first looks whether the two are
        nearer than its vectors are long, and if so takes them one by one: sums are then added in
        another order. Where the allocator puts small arrays is chance; a run must not depend on it.

        Raises:
            DeviceError: there is no memory for it.
        """
        size = np.dtype(dtype).itemsize
        count, apart = prod(shape) if isinstance(shape, tuple) else shape, _APART // size
        try:
            raw = self.xp.zeros(count + 2 * apart + _LINE // size, dtype)
        except (MemoryError, ValueError, OverflowError) as error:  # ValueError: over 2 ** 63 bytes
            raise DeviceError(
                f"an array of shape {shape} needs {count * size / 2**30:.3g} GiB, expected what "
                f"is free: {self.room()}there is no memory for it; is a size or a batch too large?"
            ) from error
        start = apart
        if self.xp is np:
            start += -(raw.ctypes.data + _APART) % _LINE // size
        return raw[start : start + count].reshape(shape)

    def room(self) -> str:
        """How much memory is free on a GPU, to go into a sentence; "" on the CPU."""
        if self.xp is np:
            return ""
        free, total = (number / 2**30 for number in self.xp.cuda.runtime.memGetInfo())
        pool = self.xp.get_default_memory_pool().free_bytes() / 2**30
        return f"{free + pool:.3g} of {total:.3g} GiB are free; "

    def random_key(self) -> Array | int:
        """64 random bits, drawn from ``rng`` anew whenever the work that reads them is done."""
        return self.host.number(lambda: int(self.rng.integers(2**64, dtype=np.uint64)), np.uint64)

    def to_numpy(self, array: Array) -> np.ndarray[Any, np.dtype[Any]]:
        """``array`` as a numpy array; no copy when it already is one."""
        return np.asarray(array if self.xp is np else array.get())


def cpu(seed: int | None = None) -> Device:
    """The CPU, computing with numpy; ``seed`` None draws one from the system."""
    return Device(np, None, np.random.default_rng(seed))
