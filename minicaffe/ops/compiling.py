"""How kernels come to be compiled: in child processes, once for all processes, and ahead.

The code of a parallel kernel that has just been compiled is not what Numba's cache keeps: the
latter is optimized once more, and sums are added in another order then. A process must give the
same bits as those after it, so a child compiles, and this process reads the cache.
"""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from itertools import count
from typing import Any

from minicaffe import glog
from minicaffe.files import lock
from minicaffe.ops import parallel_steps

_ahead: Callable[[], object] | None = None


@contextmanager
def ahead(work: Callable[[], object]) -> Iterator[None]:
    """Should a kernel have to be compiled inside, a child does ``work`` at the same time.

    Nothing comes of it but that the kernels it runs are compiled when they are wanted here.
    Exceptions in it are lost, and what it prints.
    """
    global _ahead
    before, _ahead = _ahead, work
    try:
        yield
    finally:
        _ahead = before


def compiled_once(compile_or_load: Callable[[Any], Any], signature: Any) -> Any:
    """Compile a kernel for ``signature`` in a child, unless it is in the cache; then load it.

    While another process compiles it, this one waits. TBB wants to be forked from the main
    thread; others compile for themselves.

    Args:
        compile_or_load: Numba's method of the kernel.
        signature: types of the arguments.
    """
    function: Any = getattr(compile_or_load, "__self__", None)
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and not _is_cached(function, signature):
        from numba.core.compiler_lock import global_compiler_lock

        _prepare()
        with global_compiler_lock, _alone(function):  # no other thread is compiling when we fork
            if not _is_cached(function, signature):
                os.waitpid(_fork(lambda: _compile(function, compile_or_load, signature)), 0)
    return compile_or_load(signature)


@cache
def _prepare() -> None:
    """What happens once, before the first kernel is compiled."""
    global _ahead
    glog.info(
        "compiling.py:1",
        "Compiling kernels for this machine: some seconds, the first time that a layer is used",
    )
    with suppress(ImportError, AttributeError):  # what every child would have to do
        from numba.core.registry import cpu_target

        cpu_target.typing_context.refresh()
        cpu_target.target_context.refresh()
    work, _ahead = _ahead, None
    if work is not None:
        from numba.core.compiler_lock import global_compiler_lock

        with global_compiler_lock:
            _fork(lambda: _do_ahead(work))


def _fork(work: Callable[[], object]) -> int:
    """A child that does ``work`` and ends; its process number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
        child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return child


def _do_ahead(work: Callable[[], object]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    work()


def _compile(function: Any, compile_or_load: Callable[[Any], Any], signature: Any) -> None:
    parallel_steps.leave_out()
    _name_symbols_apart(function, signature)
    compile_or_load(signature)


def _is_cached(function: Any, signature: Any) -> bool:
    """Whether there is code for ``signature`` in the cache of ``function``."""
    try:
        key = function._cache._index_key(signature, function.targetctx.codegen())
        return key in function._cache._cache_file._load_index()
    except (AttributeError, OSError):
        return True  # a Numba with other insides, or no place for a cache


@contextmanager
def _alone(function: Any) -> Iterator[None]:
    """Inside, no other process compiles ``function``; where there are no locks, one may."""
    try:
        file = function._cache._cache_file
        os.makedirs(file._cache_path, exist_ok=True)
        handle = os.open(f"{file._index_path}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    except (AttributeError, OSError):
        yield
        return
    try:
        lock(handle, wait=True)
        yield
    finally:
        os.close(handle)


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
