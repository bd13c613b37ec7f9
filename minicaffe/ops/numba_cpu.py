"""What every ``*_cpu`` module starts from: Numba set up once, the decorators, the threads.

TBB is the one threading layer of Numba that is both fast to enter (2 us against 60 for
workqueue) and safe when several Python threads run kernels; its wheel puts the library where
the loader does not look, so it is loaded here by hand.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

with suppress(OSError):  # no such wheel here: Numba falls back to OpenMP or its own layer
    ctypes.CDLL(str(Path(sys.prefix, "lib", "libtbb.so.12")), mode=ctypes.RTLD_GLOBAL)

import numba
from numba import prange

# fused multiply-add and reordered sums, but NaN and infinity stay what they are
FAST = {"reassoc", "contract", "nsz", "arcp"}


def _cache_folder() -> str:
    """Where compiled kernels are kept: a folder for exactly these sources.

    Numba looks whether a kernel's own file has changed, but not those of the kernels that it
    calls; so each state of all ``*_cpu`` modules has a folder of its own.
    """
    here = Path(__file__).parent
    digest = sha256(b"".join(path.read_bytes() for path in sorted(here.glob("*_cpu.py"))))
    name = f"kernels-{digest.hexdigest()[:12]}"
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "minicaffe")
    for parent in (here / "__pycache__", user):
        with suppress(OSError):
            (parent / name).mkdir(parents=True, exist_ok=True)
            if os.access(parent / name, os.W_OK):
                for old in parent.glob("kernels-*"):
                    if old.name != name:
                        shutil.rmtree(old, ignore_errors=True)
                return str(parent / name)
    return ""


@contextmanager
def _own_cache() -> Iterator[None]:
    """Inside, functions that are declared keep their machine code in our folder."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = before or _FOLDER
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


def _decorator(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    def decorate(body: Callable[..., Any]) -> Any:
        with _own_cache():
            return numba.njit(cache=True, nogil=True, error_model="numpy", **options)(body)

    return decorate


_FOLDER = _cache_folder()
kernel = _decorator(fastmath=FAST, parallel=True)
inner = _decorator(fastmath=FAST)
exact = _decorator()  # rounds every operation as written, on one thread

if "OMP_NUM_THREADS" in os.environ:
    with suppress(ValueError):
        numba.set_num_threads(
            max(1, min(int(os.environ["OMP_NUM_THREADS"]), numba.config.NUMBA_NUM_THREADS))
        )


def threads() -> int:
    """How many workers a kernel has: into how many shares work is cut that must be added up."""
    return int(numba.get_num_threads())


__all__ = ["FAST", "exact", "inner", "kernel", "numba", "prange", "threads"]
