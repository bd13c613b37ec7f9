"""A stand-in for CuPy where there is no GPU: NumPy behind an array that refuses what CuPy refuses.

Arrays of this module live "on a device": they do not mix with NumPy arrays, NumPy's functions do
not take them, only names and keyword arguments that CuPy has are there (``cupy_names.txt``), and
what brings a value to the host is counted (``fake_cuda.counted``). It finds code that would fail
on a GPU; it says nothing about speed or rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from minicaffe.ops import cublas
from tests import fake_cuda as cuda  # xp.cuda

PARAMETERS = {
    words[0]: frozenset(words[1:])
    for line in Path(__file__).with_name("cupy_names.txt").read_text().splitlines()
    if (words := line.split()) and words[0] != "#"
}

# Names the library may use.
NAMES = frozenset(
    [
        "abs",
        "add",
        "all",
        "any",
        "arange",
        "argmax",
        "argsort",
        "array",
        "asarray",
        "ascontiguousarray",
        "clip",
        "concatenate",
        "copyto",
        "dot",
        "einsum",
        "empty",
        "empty_like",
        "exp",
        "float16",
        "float32",
        "float64",
        "full",
        "inf",
        "int32",
        "int64",
        "isfinite",
        "isnan",
        "log",
        "log1p",
        "logaddexp",
        "matmul",
        "max",
        "maximum",
        "mean",
        "min",
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
        "take",
        "take_along_axis",
        "tanh",
        "tensordot",
        "transpose",
        "trunc",
        "uint32",
        "uint64",
        "uint8",
        "where",
        "zeros",
        "zeros_like",
    ]
)
_WAITS = {"nonzero", "argsort"}  # a size is read back, or Thrust waits
_PRODUCTS = {"matmul", "dot", "tensordot", "einsum"}  # CuPy refuses to call cuBLAS in a capture
_MANY = 8  # arrays from which on CuPy brings to the device where those to concatenate are
_OPERATORS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "matmul": np.matmul,
}
_COMPARISONS = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
_METHODS = [
    "all",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "astype",
    "clip",
    "copy",
    "cumsum",
    "dot",
    "flatten",
    "max",
    "mean",
    "min",
    "prod",
    "ravel",
    "repeat",
    "reshape",
    "squeeze",
    "std",
    "sum",
    "swapaxes",
    "take",
    "transpose",
    "var",
    "view",
]


class ndarray:  # noqa: N801  # CuPy's own name
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, array: np.ndarray, block: Any) -> None:
        self._array, self._block = array, block

    shape = property(lambda self: self._array.shape)
    dtype = property(lambda self: self._array.dtype)
    size = property(lambda self: self._array.size)
    ndim = property(lambda self: self._array.ndim)
    nbytes = property(lambda self: self._array.nbytes)
    itemsize = property(lambda self: self._array.itemsize)
    strides = property(lambda self: self._array.strides)
    flags = property(lambda self: self._array.flags)
    T = property(lambda self: self.transpose())
    data = property(lambda self: SimpleNamespace(ptr=self._array.ctypes.data))

    def __repr__(self) -> str:
        return f"fake_cupy.ndarray({self._array!r})"

    def __len__(self) -> int:
        return len(self._array)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct "
            "a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            raise TypeError(f"numpy.{ufunc.__name__}.{method} was given a device array")
        return _run(ufunc.__name__, ufunc, inputs, kwargs)

    def __array_function__(self, func: Any, *args: Any) -> Any:
        raise TypeError(f"numpy.{func.__name__} was given a device array: use xp.{func.__name__}")

    def __getitem__(self, key: Any) -> ndarray:
        if _has_list(key):
            cuda.refuse_in_capture("a list of indices comes from the host")
        if _is_mask(key):
            cuda.refuse_in_capture("the size of a mask is read back")
            cuda.count(to_host=1, to_host_bytes=8)
        return _run("getitem", _getitem, (self, key), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, list | tuple):
            raise TypeError("an array is set to a number or an array, not to a list of numbers")
        if _has_list(key):
            cuda.refuse_in_capture("a list of indices comes from the host")
        target, place, what = self._array, _host(key), _host(value)
        cuda.launch(lambda: target.__setitem__(place, what))

    def __bool__(self) -> bool:
        return bool(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __index__(self) -> int:
        return self.get().__index__()

    def item(self) -> Any:
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def __neg__(self) -> ndarray:
        return _run("negative", np.negative, (self,), {})

    def __invert__(self) -> ndarray:
        return _run("invert", np.invert, (self,), {})

    def __abs__(self) -> ndarray:
        return _run("abs", np.abs, (self,), {})

    def fill(self, value: Any) -> None:
        if isinstance(value, ndarray | np.ndarray):
            raise TypeError("fill takes a number: with it nothing crosses the bus")
        self[...] = value

    def get(self, stream: Any = None, order: str = "C", out: Any = None) -> np.ndarray:
        cuda.refuse_in_capture("an array is read")
        cuda.count(to_host=1, to_host_bytes=self.nbytes)
        return self._array.copy(order)

    def set(self, arr: np.ndarray, stream: Any = None) -> None:
        if isinstance(arr, ndarray) or arr.shape != self.shape or arr.dtype != self.dtype:
            raise TypeError("set takes a numpy array of this shape and type")
        cuda.refuse_in_capture("an array is written from the host")
        cuda.count(to_device=1, to_device_bytes=arr.nbytes)
        target = self._array
        (stream or cuda.get_current_stream()).issue(lambda: np.copyto(target, arr))


def _operator(name: str, ufunc: Any, *, back: bool = False, inplace: bool = False) -> Any:
    def method(self: ndarray, other: Any) -> Any:
        if inplace:
            return _run(name, ufunc, (self, other), {"out": self})
        return _run(name, ufunc, (other, self) if back else (self, other), {})

    return method


def _method(name: str) -> Any:
    def method(self: ndarray, *args: Any, **kwargs: Any) -> Any:
        _check(f"ndarray.{name}", kwargs)
        if name in _WAITS:
            cuda.refuse_in_capture(f"{name} waits for the device")
        return _run(
            name, lambda array, *a, **k: getattr(array, name)(*a, **k), (self, *args), kwargs
        )

    return method


for _name, _ufunc in _OPERATORS.items():
    setattr(ndarray, f"__{_name}__", _operator(_name, _ufunc))
    setattr(ndarray, f"__r{_name}__", _operator(_name, _ufunc, back=True))
    setattr(ndarray, f"__i{_name}__", _operator(_name, _ufunc, inplace=True))
for _name, _ufunc in _COMPARISONS.items():
    setattr(ndarray, f"__{_name}__", _operator(_name, _ufunc))
for _name in _METHODS:
    setattr(ndarray, _name, _method(_name))


def get_default_memory_pool() -> cuda.MemoryPool:
    return cuda.default_pool


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"{name} is not among the CuPy names this project uses: see NAMES")
    target = getattr(np, name)
    if not callable(target) or isinstance(target, type):
        return target
    if name in ("array", "asarray", "ascontiguousarray"):
        target = _from_host(target)

    def call(*args: Any, **kwargs: Any) -> Any:
        _check(name, kwargs)
        if name in _WAITS:
            cuda.refuse_in_capture(f"{name} waits for the device")
        if name == "nonzero":
            cuda.count(to_host=1, to_host_bytes=8)
        return _run(name, target, args, kwargs)

    return call


def _from_host(make: Callable[..., Any]) -> Callable[..., Any]:
    """``make`` an array of the device's from what is on the host."""

    def made(value: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(value, _Moving):
            cuda.refuse_in_capture("an array comes from the host")
            value = value.array
            cuda.count(to_device=1, to_device_bytes=np.asarray(value).nbytes)
            return np.array(value, *args, **kwargs)
        return make(value, *args, **kwargs)

    return made


class _Moving:
    """A value of the host's that is on its way to the device."""

    def __init__(self, array: Any) -> None:
        self.array = array


def _check(name: str, kwargs: dict[str, Any]) -> None:
    for key in kwargs:
        if not PARAMETERS[name] & {key, "**"}:
            raise TypeError(f"cupy.{name} takes no argument {key!r}")


def _refuse_in_capture(name: str, args: tuple[Any, ...]) -> None:
    if name in _PRODUCTS:
        cuda.refuse_in_capture(f"CuPy's {name} calls cuBLAS")
    if name in ("concatenate", "stack") and len(args[0]) > _MANY:
        cuda.refuse_in_capture(f"where {len(args[0])} arrays are is sent to the device")


def _product(a: Any, b: Any, out: Any = None) -> Any:
    """What minicaffe calls cuBLAS for, which a capture may hold; the rest it leaves to CuPy."""
    if a.size and b.size and not cublas._fit(a, b):
        cuda.refuse_in_capture(f"CuPy multiplies {a.dtype} {a.shape} by {b.dtype} {b.shape}")
    return _run("product", np.matmul, (a, b), {"out": out})


cublas.BODIES[__name__] = _product


def _run(name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``func`` on the arrays inside ``args``: a view of them, or a new array, or into ``out``."""
    _refuse_in_capture(name, args)
    elementwise = isinstance(func, np.ufunc) or name in ("where", "copyto")
    if elementwise and any(isinstance(each, list | tuple) for each in args):
        raise TypeError(f"{name} takes arrays and numbers, not a list of numbers")
    if name in ("array", "asarray", "ascontiguousarray") and not isinstance(args[0], ndarray):
        args = (_Moving(args[0]), *args[1:])
    out = kwargs.pop("out", None)
    out = out[0] if isinstance(out, tuple) else out
    inputs, options = _host(args), {key: _host(value) for key, value in kwargs.items()}
    if out is not None:
        target = _host(out)
        cuda.launch(lambda: func(*inputs, **options, out=target))
        return out
    if name in ("copyto",):
        cuda.launch(lambda: func(*inputs, **options))
        return None
    capturing = cuda.get_current_stream().is_capturing()
    with np.errstate(**({"all": "ignore"} if capturing else {})):
        result = func(*inputs, **options)
    if isinstance(result, tuple):
        return tuple(
            _new(part, lambda i=i: func(*inputs, **options)[i]) for i, part in enumerate(result)
        )
    whole = args[0] if args and isinstance(args[0], ndarray) else None
    if whole is not None and np.may_share_memory(result, whole._array):
        return whole if result is whole._array else ndarray(result, whole._block)
    return _new(result, lambda: func(*inputs, **options), is_empty=name.startswith("empty"))


def _new(result: Any, again: Callable[[], Any], *, is_empty: bool = False) -> ndarray:
    """An array like ``result``, which the current stream computes, ``again`` in each replay."""
    result = np.asarray(result)  # CuPy returns arrays where NumPy returns scalars
    block = cuda.alloc(result.nbytes)
    order = "F" if result.flags.f_contiguous and not result.flags.c_contiguous else "C"
    flat = block.bytes[: result.nbytes].view(result.dtype)
    array = flat.reshape(result.shape, order=order)
    if not is_empty:
        if cuda.get_current_stream().is_capturing():
            cuda.launch(lambda: np.copyto(array, again()))
        else:
            cuda.launch(lambda: np.copyto(array, result))
    return ndarray(array, block)


def _host(value: Any) -> Any:
    """The NumPy array inside a device array; NumPy arrays themselves are refused."""
    if isinstance(value, ndarray):
        return value._array
    if isinstance(value, np.ndarray):
        raise TypeError("a numpy array meets a device array: copy it with xp.asarray")
    if isinstance(value, tuple | list):
        return type(value)(map(_host, value))
    return value


def _getitem(array: np.ndarray, key: Any) -> Any:
    return array[key]


def _has_list(key: Any) -> bool:
    return any(isinstance(each, list) for each in (key if isinstance(key, tuple) else (key,)))


def _is_mask(key: Any) -> bool:
    keys = key if isinstance(key, tuple) else (key,)
    return any(isinstance(each, ndarray) and each.dtype == bool for each in keys)
