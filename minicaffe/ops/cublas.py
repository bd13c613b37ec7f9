"""Products of matrices: on a GPU cuBLAS is called without CuPy, which refuses to in a recording.

CuPy 14's ``cublas.setStream`` raises NotImplementedError while a stream is captured, so that no net
with a product could be recorded. cuBLAS itself can be captured. Its functions are found where
CuPy's own module finds them. The recorded product and the written one are the same call, with the
same workspace, so that their bits are the same.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from math import prod
from types import ModuleType
from typing import Any, NamedTuple

from minicaffe.device import Array
from minicaffe.errors import DeviceError
from minicaffe.ops.products import current

_INT, _LONG, _POINTER = ctypes.c_int, ctypes.c_longlong, ctypes.c_void_p
_MATRIX = [_POINTER, _INT, _INT]  # where, of which type, elements from one column to the next
_MATRICES = [*_MATRIX, _LONG]  # and from one matrix to the next
_PRODUCT = [_POINTER, _INT, _INT, _INT, _INT, _INT, _POINTER]
_ARGUMENTS: dict[str, list[Any]] = {
    "cublasCreate_v2": [_POINTER],
    "cublasSetStream_v2": [_POINTER, _POINTER],
    "cublasSetWorkspace_v2": [_POINTER, _POINTER, ctypes.c_size_t],
    "cublasGemmEx": [*_PRODUCT, *_MATRIX, *_MATRIX, _POINTER, *_MATRIX, _INT, _INT],
    "cublasGemmStridedBatchedEx": [
        *(*_PRODUCT, *_MATRICES, *_MATRICES, _POINTER, *_MATRICES),
        *(_INT, _INT, _INT),
    ],
}
_TYPES = {"f": (0, ctypes.c_float), "d": (1, ctypes.c_double)}  # CUDA_R_32F, CUDA_R_64F
_COMPUTE_DOUBLE = 70  # CUBLAS_COMPUTE_64F
_COMPUTE = {"fp32": 68, "tf32": 77, "bf16": 75}  # CUBLAS_COMPUTE_32F, and its _FAST_ ones
_DEFAULT = -1  # CUBLAS_GEMM_DEFAULT
_STATUS = {  # as cuBLAS's manual has them
    1: "CUBLAS_STATUS_NOT_INITIALIZED: no memory for it, or a driver that does not fit",
    3: "CUBLAS_STATUS_ALLOC_FAILED: out of memory",
    7: "CUBLAS_STATUS_INVALID_VALUE",
    8: "CUBLAS_STATUS_ARCH_MISMATCH: this card cannot, try --precision fp32",
    13: "CUBLAS_STATUS_EXECUTION_FAILED",
    14: "CUBLAS_STATUS_INTERNAL_ERROR",
    15: "CUBLAS_STATUS_NOT_SUPPORTED",
}
_MOST = 2**31 - 1
_WORKSPACE, _WORKSPACE_HOPPER = 4 << 20, 32 << 20  # bytes, as cuBLAS's manual has them


def matmul(xp: ModuleType, a: Array, b: Array, out: Array | None = None) -> Array:
    """``xp.matmul(a, b, out)``, which a recording on a GPU may hold.

    Args:
        xp: array module of the others.
        a: (..., M, K).
        b: (..., K, N).
        out: (..., M, N), overwritten; neither a nor b lies in it.
    """
    return BODIES.get(xp.__name__, xp.matmul)(a, b, out=out)


def add_product(a: Array, b: Array, y: Array) -> bool:
    """``y += a b`` in one pass, where cuBLAS can be called: whether it was.

    Args:
        a: (M, K), on the GPU.
        b: (K, N).
        y: (M, N).
    """
    import cupy

    blas = _blas(cupy)
    if blas is None or not y.flags.c_contiguous or not _fit(a, b) or a.dtype != y.dtype:
        return False
    blas.multiply(a, b, y, 1.0)
    return True


def _matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    import cupy

    blas = _blas(cupy)
    if blas is None or not _fit(a, b):
        return cupy.matmul(a, b, out=out)
    lead = a.shape[:-2] if a.ndim >= b.ndim else b.shape[:-2]
    shape = (*lead, a.shape[-2], b.shape[-1])
    fits = out is not None and (out.shape, out.dtype) == (shape, a.dtype) and _is_whole(out)
    result = out if fits else cupy.empty(shape, a.dtype)
    blas.multiply(a, b, result, 0.0)
    if out is None or fits:
        return result
    out[...] = result
    return out


# by the name of an array module; the others have a matmul that can be recorded
BODIES: dict[str, Callable[..., Array]] = {"cupy": _matmul}


def _is_whole(array: Array) -> bool:
    return bool(array.flags.c_contiguous)


def _fit(a: Array, b: Array) -> bool:
    """Whether the product is one that ``multiply`` makes; none without elements is."""
    if a.ndim < 2 or b.ndim < 2 or a.dtype != b.dtype or a.dtype.char not in _TYPES:
        return False
    if not a.size or not b.size or a.shape[-1] != b.shape[-2]:
        return False
    if max(*a.shape, *b.shape) > _MOST:
        return False
    return bool(a.ndim == 2 or b.ndim == 2 or a.shape[:-2] == b.shape[:-2])


class _Matrix(NamedTuple):
    """How cuBLAS, which counts down the columns, is told of a matrix, or of a stack of them.

    Attributes:
        array: holds it.
        turn: 0 where it reads the transpose as it lies there, 1 where it has to turn it.
        ahead: elements from one of its columns to the next.
        step: elements from one matrix to the next; 0 for one alone.
    """

    array: Array
    turn: int
    ahead: int
    step: int


def _matrix(array: Array) -> _Matrix:
    """``array`` (..., M, K) as it lies there, else copied."""
    if array.ndim > 3:
        array = array.reshape(-1, *array.shape[-2:])  # a copy where it must be
    rows, columns = array.shape[-2:]
    apart = [stride // array.itemsize for stride in array.strides]
    step = apart[0] if array.ndim == 3 else 0
    down, along = apart[-2:]
    if (columns == 1 or along == 1) and (rows == 1 or down >= columns):
        return _Matrix(array, 0, columns if rows == 1 else down, step)
    if (rows == 1 or down == 1) and (columns == 1 or along >= rows):
        return _Matrix(array, 1, rows if columns == 1 else along, step)
    return _matrix(array.copy())


class _Blas:
    """cuBLAS on one device for one thread."""

    def __init__(self, cupy: ModuleType, library: Any) -> None:
        self._cupy, self._library = cupy, library
        self._handle, self._stream = ctypes.c_void_p(), None
        self._call("cublasCreate_v2", ctypes.byref(self._handle))
        capability = int(cupy.cuda.Device().compute_capability)
        self._bytes = _WORKSPACE_HOPPER if capability >= 90 else _WORKSPACE
        self._workspace = cupy.cuda.alloc(self._bytes)  # in a capture cuBLAS has to be given it

    def multiply(self, a: Array, b: Array, y: Array, keep: float) -> None:
        """``y = a b + keep y``; y (..., M, N) is contiguous. As it lies there, y^T = b^T a^T."""
        kind, number = _TYPES[a.dtype.char]
        compute = _COMPUTE[current().precision] if a.dtype.char == "f" else _COMPUTE_DOUBLE
        (m, k), n = a.shape[-2:], b.shape[-1]
        first, second, count = _matrix(b), _matrix(a), prod(y.shape[:-2])
        one, kept = number(1.0), number(keep)
        of = first.array.data.ptr, kind, first.ahead
        by = second.array.data.ptr, kind, second.ahead
        into = y.data.ptr, kind, n
        what = self._handle, first.turn, second.turn, n, m, k, ctypes.byref(one)
        self._follow()
        if y.ndim == 2:
            self._call(
                "cublasGemmEx", *what, *of, *by, ctypes.byref(kept), *into, compute, _DEFAULT
            )
            return
        stacks = *of, first.step, *by, second.step, ctypes.byref(kept), *into, m * n
        self._call("cublasGemmStridedBatchedEx", *what, *stacks, count, compute, _DEFAULT)

    def _follow(self) -> None:
        """Go on in CuPy's current stream; the workspace has to be given anew then."""
        stream = self._cupy.cuda.get_current_stream().ptr
        if stream != self._stream:
            self._call("cublasSetStream_v2", self._handle, stream)
            self._call("cublasSetWorkspace_v2", self._handle, self._workspace.ptr, self._bytes)
            self._stream = stream

    def _call(self, name: str, *args: Any) -> None:
        status = getattr(self._library, name)(*args)
        if status:
            what = _STATUS.get(status, "see its manual")
            raise DeviceError(f"cuBLAS's {name} returns {status}, expected 0: {what}")


class _Thread(threading.local):
    """What a thread has of cuBLAS, by device."""

    def __init__(self) -> None:
        self.blas: dict[int, _Blas | None] = {}


_thread = _Thread()


def _blas(cupy: ModuleType) -> _Blas | None:
    """That of the current device; None where its functions are not found."""
    device = cupy.cuda.runtime.getDevice()
    if device not in _thread.blas:
        library = _library(cupy)
        _thread.blas[device] = None if library is None else _Blas(cupy, library)
    return _thread.blas[device]


def _library(cupy: ModuleType) -> Any:
    """CuPy's module for cuBLAS, through which the library that it is linked to is seen."""
    cuda = cupy.cuda
    try:
        module = cuda.cublas
    except (AttributeError, ImportError):  # the library is missing: CuPy says so where it needs it
        return None
    library = ctypes.CDLL(module.__file__)
    if not all(hasattr(library, name) for name in _ARGUMENTS):
        return None
    for name, kinds in _ARGUMENTS.items():
        getattr(library, name).argtypes = kinds
    return library
