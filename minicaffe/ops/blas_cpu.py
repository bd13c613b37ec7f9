"""The matrix product for use inside kernels: SciPy's BLAS, one thread a call.

A kernel that multiplies inside ``prange`` works on a block while it is in its core's cache; a
BLAS with threads of its own would start a second set of workers in each. So SciPy's copy is held
to one thread here, for the whole process; NumPy's, another library in every wheel, is left alone.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import ctypes
from importlib import import_module
from pathlib import Path

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import get_cython_function_address, intrinsic
from threadpoolctl import ThreadpoolController

from minicaffe.ops.numba_cpu import helper, inner

_MODULE = "scipy.linalg.cython_blas"
_SYMBOLS = {types.float32: "minicaffe_sgemm", types.float64: "minicaffe_dgemm"}

# OpenBLAS has kernels that take small operands as they lie, without packing them first, on these
# cores alone. They pay up to about this many multiplications, and with op(B) = B^T up to this
# many results. A larger product is faster cut into such pieces, unless C is large both ways:
# from this many rows and columns on, or this many elements where the sums are short.
_UNPACKED_CORES = {"SkylakeX", "Cooperlake", "SapphireRapids"}
_UNPACKED, _UNPACKED_TRANSPOSED = 1_000_000, 1_100
_PACKED_FROM, _PACKED_SIZE = 200, 1 << 18


def _load() -> bool:
    """Give ``_SYMBOLS`` their addresses and hold SciPy's BLAS to one thread.

    Returns:
        whether it has the small kernels.

    Raises:
        ImportError: its integers are not C's int, which is what ``_gemm`` passes.
    """
    capsules = import_module(_MODULE).__pyx_capi__
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    for symbol in _SYMBOLS.values():
        name = symbol.removeprefix("minicaffe_")
        signature = (name_of(capsules[name]) or b"").decode()
        if not signature.startswith("void (char *, char *, int *, int *, int *,"):
            raise ImportError(f"{_MODULE}.{name} is {signature!r}, expected int arguments")
        llvm.add_symbol(symbol, get_cython_function_address(_MODULE, name))
    every = ThreadpoolController().select(user_api="blas").lib_controllers
    own = [lib for lib in every if not _is_numpys(Path(lib.filepath))] or every
    for lib in own:
        lib.set_num_threads(1)
    return any(getattr(lib, "architecture", "") in _UNPACKED_CORES for lib in own)


def _is_numpys(path: Path) -> bool:
    """Whether the library came with NumPy's wheel: beside the package, or in it on macOS."""
    return path.parent.name == "numpy.libs" or path.parent.parent.name == "numpy"


_HAS_SMALL_KERNELS = _load()


@intrinsic
def _call(typing, like, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
    """Fortran's ?gemm of the dtype of ``like``; ``a``, ``b`` and ``c`` are addresses."""
    real, size, flag = like.dtype, types.intp, types.boolean
    numbers = (size, size, size, real, size, size, size, size, real, size, size)

    def codegen(context, builder, signature, args):
        _, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc = args

        def reference(value):
            return cgutils.alloca_once_value(builder, value)

        def integer(value):
            return reference(builder.trunc(value, ir.IntType(32)))

        def letter(value):
            true = builder.icmp_unsigned("!=", value, value.type(0))
            return reference(builder.select(true, ir.IntType(8)(ord("T")), ir.IntType(8)(ord("N"))))

        def address(value):
            return builder.inttoptr(value, alpha.type.as_pointer())

        # Fortran sees each matrix transposed: C^T = op(B)^T op(A)^T
        passed = [
            *(letter(tb), letter(ta), integer(n), integer(m), integer(k), reference(alpha)),
            *(address(b), integer(ldb), address(a), integer(lda), reference(beta)),
            *(address(c), integer(ldc)),
        ]
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in passed])
        function = cgutils.get_or_insert_function(builder.module, kind, _SYMBOLS[real])
        builder.call(function, passed)
        return context.get_dummy_value()

    return types.void(like, flag, flag, *numbers), codegen


@helper
def _pieces(length, most, multiple):
    """Size of the pieces, no longer than ``most``, that ``length`` falls into about evenly."""
    count = max(1, (length + most - 1) // most)
    size = (length + count - 1) // count
    return max(1, min(most, (size + multiple - 1) // multiple * multiple))


@inner
def gemm(ta, tb, m, n, k, alpha, a, a_at, lda, b, b_at, ldb, beta, c, c_at, ldc):
    """``C = alpha op(A) op(B) + beta C``, row by row as NumPy stores matrices.

    Args:
        ta: op(A) is A transposed; likewise tb.
        tb: see ta.
        m: rows of op(A) and C; none, or n = 0, and nothing happens.
        n: columns of op(B) and C.
        k: columns of op(A), rows of op(B); 0 leaves ``beta C``.
        alpha: factor.
        a: C-contiguous array, of any shape, that holds A, whose first element is
            ``a.reshape(-1)[a_at]``; likewise b and c, all of one dtype.
        a_at: see a.
        lda: elements from one row of A, as stored, to the next; likewise ldb and ldc.
        b: see a.
        b_at: see a.
        ldb: see lda.
        beta: factor; at 0, C is overwritten whatever it held.
        c: see a.
        c_at: see a.
        ldc: see lda.
    """
    real, item = a.dtype.type, a.itemsize
    mc, nc, kc = m, n, k
    narrow = min(m, n) < _PACKED_FROM or (k < _PACKED_FROM and m * n < _PACKED_SIZE)
    if _HAS_SMALL_KERNELS and narrow:
        if tb:
            mc, nc, kc = _pieces(m, 32, 8), _pieces(n, 32, 8), _pieces(k, 960, 8)
        else:
            nc, kc = _pieces(n, 64, 16), _pieces(k, 240, 8)
            mc = _pieces(m, max(64, _UNPACKED // (64 * max(1, kc))), 8)
    pa, pb, pc = a.ctypes.data + a_at * item, b.ctypes.data + b_at * item, c.ctypes.data
    pc += c_at * item
    lda, ldb, ldc = max(1, lda), max(1, ldb), max(1, ldc)  # what BLAS asks for, also of nothing
    for j in range(0, n, max(1, nc)):
        for p in range(0, max(1, k), max(1, kc)):
            at_b = pb + (j * ldb + p if tb else p * ldb + j) * item
            for i in range(0, m, max(1, mc)):
                at_a = pa + (p * lda + i if ta else i * lda + p) * item
                at_c = pc + (i * ldc + j) * item
                rows, cols, deep = min(mc, m - i), min(nc, n - j), min(kc, k - p)
                rest = real(1) if p else real(beta)
                _call(
                    a, ta, tb, rows, cols, deep, real(alpha), at_a, lda, at_b, ldb, rest, at_c, ldc
                )  # fmt: skip
