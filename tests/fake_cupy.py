"""A stand-in for CuPy where there is no GPU: numpy that refuses what CuPy refuses.

Arrays of this module live "on a device": they do not mix with numpy arrays, numpy's
functions do not take them, and only names that CuPy has are there. It finds code that
would fail on a GPU; it says nothing about speed or rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests import fake_cuda as cuda  # xp.cuda

# Names the library may use, each looked up in cupy/__init__.py.
NAMES = frozenset(
    [
        "abs",
        "add",
        "arange",
        "argsort",
        "asarray",
        "ascontiguousarray",
        "clip",
        "concatenate",
        "copyto",
        "dot",
        "einsum",
        "empty",
        "exp",
        "float32",
        "float64",
        "full",
        "inf",
        "int32",
        "isfinite",
        "log",
        "log1p",
        "matmul",
        "maximum",
        "mean",
        "minimum",
        "multiply",
        "nan",
        "nonzero",
        "pad",
        "sign",
        "sqrt",
        "stack",
        "subtract",
        "sum",
        "take_along_axis",
        "tanh",
        "tensordot",
        "transpose",
        "trunc",
        "where",
        "zeros",
        "zeros_like",
    ]
)


class ndarray(np.ndarray):  # noqa: N801  # CuPy's own name
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if "out" in kwargs:
            kwargs["out"] = tuple(_host(out) for out in kwargs["out"])
        result = getattr(ufunc, method)(*map(_host, inputs), **kwargs)
        return _device(result)

    def __array_function__(self, func: Any, *args: Any) -> Any:
        raise TypeError(f"numpy.{func.__name__} was given a device array: use xp.{func.__name__}")

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_host_tree(key), _host(value))

    def __getitem__(self, key: Any) -> Any:
        return _device(self.view(np.ndarray)[_host_tree(key)])

    def get(self) -> np.ndarray:
        return self.view(np.ndarray).copy()

    def set(self, arr: np.ndarray, stream: cuda.Stream | None = None) -> None:
        if isinstance(arr, ndarray) or arr.shape != self.shape or arr.dtype != self.dtype:
            raise TypeError("set takes a numpy array of this shape and type")
        target = self.view(np.ndarray)
        (stream or cuda.get_current_stream()).issue(lambda: np.copyto(target, arr))


def _host(value: Any) -> Any:
    """The numpy array inside a device array; numpy arrays themselves are refused."""
    if isinstance(value, ndarray):
        return value.view(np.ndarray)
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("a numpy array meets a device array: copy it with xp.asarray")
    return value


def _host_tree(value: Any) -> Any:
    return tuple(map(_host, value)) if isinstance(value, tuple) else _host(value)


def _device(value: Any) -> Any:
    """CuPy returns arrays where numpy returns scalars."""
    if isinstance(value, tuple):
        return tuple(map(_device, value))
    return np.asarray(value).view(ndarray) if isinstance(value, np.ndarray | np.generic) else value


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"{name} is not among the CuPy names this project uses: see NAMES")
    target = getattr(np, name)
    if not callable(target) or isinstance(target, type):
        return target

    def call(*args: Any, **kwargs: Any) -> Any:
        if name == "asarray":
            return _device(np.array(args[0], *args[1:], **kwargs))
        args = tuple(_host_tree(arg) for arg in args)
        kwargs = {key: _host_tree(value) for key, value in kwargs.items()}
        result = target(*args, **kwargs)
        return kwargs["out"].view(ndarray) if kwargs.get("out") is not None else _device(result)

    return call
