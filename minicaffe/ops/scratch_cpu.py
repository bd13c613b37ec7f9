"""Work space that kernels reuse from call to call, and from layer to layer."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from minicaffe.device import Array

_LINE = 64  # bytes; vector loads that straddle two cache lines cost twice
_local = threading.local()


def scratch(count: int, dtype: np.dtype[Any]) -> Array:
    """``count`` elements of anything, the same memory at every call of one thread.

    Layers run one after the other, so they share one piece as large as the largest needs,
    instead of keeping one each; it is let go when the thread ends.
    """
    bytes_ = count * dtype.itemsize
    memory = getattr(_local, "memory", None)
    if memory is None or memory.size < bytes_:
        _local.memory = memory = None  # the old piece goes before the new one comes
        raw = np.empty(bytes_ + _LINE, np.uint8)
        start = -raw.ctypes.data % _LINE
        memory = _local.memory = raw[start : start + bytes_]
    return memory[:bytes_].view(dtype)
