"""What every ``*_cpu`` module starts from: Numba set up once, the decorators, the threads.

TBB is the one threading layer of Numba that is both fast to enter (2 us against 60 for
workqueue) and safe when several Python threads run kernels; its wheel puts the library where
the loader does not look, so it is loaded here by hand.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

with suppress(OSError):  # no such wheel here: Numba falls back to OpenMP or its own layer
    ctypes.CDLL(str(Path(sys.prefix, "lib", "libtbb.so.12")), mode=ctypes.RTLD_GLOBAL)

import numba
from numba import prange
from numba.core.compiler_lock import global_compiler_lock

# fused multiply-add and reordered sums, but NaN and infinity stay what they are
FAST = {"reassoc", "contract", "nsz", "arcp"}
_PROCESS = uuid4().hex[:12]


@cache
def _sources(module: str) -> tuple[Path, ...]:
    """The files that decide what the kernels of ``module`` are: its own, and those it calls."""
    path = Path(__file__).with_name(f"{module.rpartition('.')[2]}.py")
    called = re.findall(r"minicaffe\.ops\.(\w+_cpu)\b", path.read_text(encoding="utf-8"))
    inner = {file for name in set(called) - {path.stem} for file in _sources(name)}
    return (path, *sorted(inner - {path}))


@cache
def _cache_folder(module: str) -> str:
    """Where the compiled kernels of ``module`` are kept: a folder for exactly its sources.

    Numba looks whether a kernel's own file has changed, but not those of the kernels that it
    calls; so each state of all of them has a folder of its own, and the last one is deleted.
    """
    sources = _sources(module)
    digest = sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "minicaffe")
    for parent in (Path(__file__).parent / "__pycache__", user):
        folder = parent / "kernels" / sources[0].stem / digest
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                for old in folder.parent.iterdir():
                    if old != folder:
                        shutil.rmtree(old, ignore_errors=True)
                return str(folder)
    return ""


def kernel_folder(module: str) -> str:
    """A folder that lasts as long as the sources of the kernels of ``module``; "" if none."""
    return _cache_folder(module)


@contextmanager
def _own_cache(module: str) -> Iterator[None]:
    """Inside, functions that are declared keep their machine code in a folder of ours."""
    before = numba.config.CACHE_DIR
    ours = module.startswith("minicaffe.ops.")
    numba.config.CACHE_DIR = before or (_cache_folder(module) if ours else "")
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


def _decorator(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    def decorate(body: Callable[..., Any]) -> Any:
        with _own_cache(body.__module__):
            function = numba.njit(cache=True, nogil=True, error_model="numpy", **options)(body)
        _name_files_apart(function)
        if options.get("parallel") and hasattr(os, "fork") and sys.platform == "linux":
            function.compile = partial(_compile_elsewhere, function.compile)
        return function

    return decorate


def _name_files_apart(function: Any) -> None:
    """Let no other process write the machine code files that this one writes.

    Numba numbers them: of two processes that compile a function at the same time, for different
    types, one would find the other's code under its own number.
    """
    with suppress(AttributeError):  # a Numba with other insides, or no place for a cache
        file = function._cache._cache_file
        file._data_name_pattern = file._data_name_pattern.replace("{number", f"{_PROCESS}.{{number")


def _name_symbols_apart(function: Any, signature: Any) -> None:
    """Let no other child name what it compiles as this one does.

    Loops that run in parallel get names from addresses and from a counter, which in children of
    one process are the same: two kernels would share a name, and whichever is loaded second in
    some process would run the code of the first.
    """
    words = f"{function.py_func.__module__}.{function.py_func.__qualname__} {signature}"
    start = int.from_bytes(sha256(words.encode()).digest()[:5], "big") << 16
    with suppress(ImportError, AttributeError):  # a Numba with other insides
        from numba.core.bytecode import FunctionIdentity

        FunctionIdentity._unique_ids = count(start)


def _compile_elsewhere(compile_or_load: Callable[[Any], Any], signature: Any) -> Any:
    """Let a child process compile what is not in the cache yet, and read that.

    The code of a parallel kernel that has just been compiled is not what the cache keeps: Numba
    optimizes the latter once more, and sums are added in another order then. This process must
    give the same bits as those after it, so it does not run what it has compiled itself. (TBB
    wants to be forked from the main thread; elsewhere it does.)
    """
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and not _is_cached(compile_or_load, signature):
        with global_compiler_lock, warnings.catch_warnings():  # no other thread is compiling
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
            child = os.fork()
            if child == 0:
                try:
                    _name_symbols_apart(getattr(compile_or_load, "__self__", None), signature)
                    compile_or_load(signature)
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
    return compile_or_load(signature)


def _is_cached(compile_or_load: Callable[[Any], Any], signature: Any) -> bool:
    """Whether there is code for ``signature`` in the cache of the function it compiles."""
    function: Any = getattr(compile_or_load, "__self__", None)
    try:
        key = function._cache._index_key(signature, function.targetctx.codegen())
        return key in function._cache._cache_file._load_index()
    except (AttributeError, OSError):
        return True  # a Numba with other insides, or no place for a cache


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


__all__ = ["FAST", "exact", "inner", "kernel", "kernel_folder", "numba", "prange", "threads"]
