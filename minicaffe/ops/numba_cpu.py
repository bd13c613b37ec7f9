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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

with suppress(OSError):  # no such wheel here: Numba falls back to OpenMP or its own layer
    ctypes.CDLL(str(Path(sys.prefix, "lib", "libtbb.so.12")), mode=ctypes.RTLD_GLOBAL)

import numba
from numba import prange

from minicaffe.ops.compiling import compiled_once

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
            function.compile = partial(compiled_once, function.compile)
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


kernel = _decorator(fastmath=FAST, parallel=True, no_cfunc_wrapper=True)
inner = _decorator(fastmath=FAST, no_cfunc_wrapper=True)
_helper = _decorator(fastmath=FAST, no_cfunc_wrapper=True, no_cpython_wrapper=True)
exact = _decorator()  # rounds every operation as written, on one thread

if "OMP_NUM_THREADS" in os.environ:
    with suppress(ValueError):
        numba.set_num_threads(
            max(1, min(int(os.environ["OMP_NUM_THREADS"]), numba.config.NUMBA_NUM_THREADS))
        )


def helper(body: Callable[..., Any]) -> Any:
    """Decorator: ``inner`` for what kernels alone call, which is compiled in less time.

    It has no way in from Python, and of all integers that are written out in calls it makes one
    kind, whereas ``inner`` is compiled for each of them.
    """
    function = _helper(body)
    template = function.get_call_template

    def template_of_kinds(args: Any, keywords: Any) -> Any:
        kinds = {name: numba.types.unliteral(kind) for name, kind in keywords.items()}
        return template(tuple(map(numba.types.unliteral, args)), kinds)

    def refuse(*args: Any, **keywords: Any) -> Any:
        raise TypeError(f"{body.__name__} is called from Python, expected from kernels alone")

    function.get_call_template = template_of_kinds
    function._insert = lambda *args, **keywords: None  # what Python would find to call
    function._compile_for_args = refuse
    return function


def threads() -> int:
    """How many workers a kernel has: into how many shares work is cut that must be added up."""
    return int(numba.get_num_threads())


__all__ = [
    "FAST",
    "exact",
    "helper",
    "inner",
    "kernel",
    "kernel_folder",
    "numba",
    "prange",
    "threads",
]
