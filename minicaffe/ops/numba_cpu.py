"""What every ``*_cpu`` module starts from: Numba set up once, the decorator, the threads.

TBB is the one threading layer of Numba that is both fast to enter (2 us against 60 for
workqueue) and safe when several Python threads run kernels; its wheel puts the library where
the loader does not look, so it is loaded here by hand.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

with suppress(OSError):  # no such wheel here: Numba falls back to OpenMP or its own layer
    ctypes.CDLL(str(Path(sys.prefix, "lib", "libtbb.so.12")), mode=ctypes.RTLD_GLOBAL)

import numba
from numba import prange

# fused multiply-add and reordered sums, but NaN and infinity stay what they are
FAST = {"reassoc", "contract", "nsz", "arcp"}

kernel = numba.njit(parallel=True, cache=True, nogil=True, error_model="numpy", fastmath=FAST)
inner = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)

if "OMP_NUM_THREADS" in os.environ:
    with suppress(ValueError):
        numba.set_num_threads(
            max(1, min(int(os.environ["OMP_NUM_THREADS"]), numba.config.NUMBA_NUM_THREADS))
        )


def threads() -> int:
    """How many workers a kernel has: into how many shares work is cut that must be added up."""
    return int(numba.get_num_threads())


__all__ = ["FAST", "inner", "kernel", "numba", "prange", "threads"]
