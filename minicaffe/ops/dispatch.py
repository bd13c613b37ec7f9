"""One name, several bodies: the reference in ``xp``, for numpy and CuPy compiled ones behind it.

The body for the GPU is found by its place: that of ``ops/x.py`` in ``ops/x_cuda.py``, under the
same name. Where there is none, and for what it is not made for, CuPy runs the reference.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial, update_wrapper
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

from minicaffe import glog

OPS: dict[str, Op] = {}  # "pooling.max_pool" -> op; tests hold each compiled body to its reference
_reference_only = bool(os.environ.get("MINICAFFE_REFERENCE_BODIES"))


class Op:
    """A function ``op(xp, *args)`` whose body is chosen by where its arrays live.

    Attributes:
        reference: the body for every ``xp``: short, plainly right, the measure of the other.
        module: where the compiled body of the same name is; it takes ``*args``, without ``xp``.
        cuda_module: where the body for the GPU may be.
    """

    def __init__(self, reference: Callable[..., Any], module: str) -> None:
        self.reference = reference
        self.module = module
        self.cuda_module = f"{reference.__module__}_cuda"
        update_wrapper(self, reference)

    def __call__(self, xp: ModuleType, *args: Any) -> Any:
        """Run the compiled body where there is one for ``xp``, else the reference."""
        if xp is np:
            if not _reference_only and _has_numba():
                return self._body(*args)
        elif xp.__name__ == "cupy" and not _reference_only and self.cuda and _fit_kernels(args):
            return self.cuda(*args)
        return self.reference(xp, *args)

    @cached_property
    def _body(self) -> Callable[..., Any]:
        try:
            return self.compiled
        except ImportError as error:  # a SciPy whose BLAS the kernels cannot call, say
            glog.warning("dispatch.py:1", f"{self.module} cannot be used, NumPy runs: {error}")
            return partial(self.reference, np)

    @cached_property
    def compiled(self) -> Callable[..., Any]:
        """The compiled body; importing it is what loads Numba."""
        body: Callable[..., Any] = getattr(import_module(self.module), self.reference.__name__)
        return body

    @cached_property
    def cuda(self) -> Callable[..., Any] | None:
        """The body for the GPU, None without one; importing it does not load CuPy."""
        if find_spec(self.cuda_module) is None:
            return None
        return getattr(import_module(self.cuda_module), self.reference.__name__, None)


def _fit_kernels(args: Iterable[Any]) -> bool:
    """Whether all arrays are laid out in order, and all floats are float32 or float64."""
    for arg in args:
        if isinstance(arg, list | tuple):
            if not _fit_kernels(arg):
                return False
        elif hasattr(arg, "flags"):
            if arg.dtype.kind not in "biu" and arg.dtype.char not in "fd":
                return False
            if not arg.flags.c_contiguous:
                return False
    return True


def compiled_in(module: str) -> Callable[[Callable[..., Any]], Op]:
    """Decorator: the function's body for numpy is that of the same name in ``module``."""

    def decorate(reference: Callable[..., Any]) -> Op:
        op = Op(reference, module)
        OPS[f"{reference.__module__.rpartition('.')[2]}.{reference.__name__}"] = op
        return op

    return decorate


@contextmanager
def reference_bodies() -> Iterator[None]:
    """Inside, every op runs its reference body."""
    global _reference_only
    before, _reference_only = _reference_only, True
    try:
        yield
    finally:
        _reference_only = before


_numba: bool | None = None


def _has_numba() -> bool:
    global _numba
    if _numba is None:
        _numba = find_spec("numba") is not None
        if not _numba:
            glog.warning("dispatch.py:1", "Numba is not installed: the slower NumPy bodies run")
    return _numba
