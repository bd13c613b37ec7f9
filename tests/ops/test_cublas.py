"""cuBLAS without CuPy: what it is called with, on a library that multiplies on the CPU.

The library has cuBLAS's names and arguments, and counts down the columns as it does; addresses
are checked in every call. A GPU shows the rest (``tests/gpu``).
"""

from __future__ import annotations

import ast
import ctypes
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import minicaffe.layers
import minicaffe.solvers
from minicaffe import ops
from minicaffe.device import Device
from minicaffe.errors import DeviceError
from minicaffe.ops import blas_cuda, cublas
from minicaffe.ops.products import products
from tests import fake_cuda, fake_cupy

LAYOUTS = "whole", "turned", "part", "every other"
SOURCE = r"""
#include <cstddef>
static long long stream, space, computed, made;
extern "C" {
int cublasCreate_v2(void **handle) { *handle = (void *)77; ++made; return 0; }
int cublasSetStream_v2(void *h, void *s) {
    stream = (long long)s, space = 0;
    return h != (void *)77;
}
int cublasSetWorkspace_v2(void *h, void *at, size_t size) { space = size; return !at; }
long long stream_of() { return stream; }
long long compute_of() { return computed; }
long long space_of() { return space; }
}
template <typename T>
static void multiply(int ta, int tb, int m, int n, int k, T alpha, const T *a, int lda,
                     const T *b, int ldb, T beta, T *c, int ldc) {
    for (int i = 0; i < m; ++i)
        for (int j = 0; j < n; ++j) {
            double sum = 0;
            for (int l = 0; l < k; ++l)
                sum += (double)(ta ? a[l + (long)i * lda] : a[i + (long)l * lda])
                     * (tb ? b[j + (long)l * ldb] : b[l + (long)j * ldb]);
            T &at = c[i + (long)j * ldc];
            at = alpha * (T)sum + (beta ? beta * at : 0);
        }
}
extern "C" int cublasGemmStridedBatchedEx(
    void *handle, int ta, int tb, int m, int n, int k, const void *alpha,
    const void *a, int atype, int lda, long long astep,
    const void *b, int btype, int ldb, long long bstep, const void *beta,
    void *c, int ctype, int ldc, long long cstep, int count, int compute, int algorithm) {
    if (handle != (void *)77 || !space || algorithm != -1) return 13;
    if (atype != btype || atype != ctype || (atype ? compute != 70 : compute == 70)) return 15;
    if (lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m || m < 1 || n < 1 || k < 1) return 7;
    computed = compute;
    for (int i = 0; i < count; ++i)
        if (atype)
            multiply(ta, tb, m, n, k, *(double *)alpha, (double *)a + i * astep, lda,
                     (double *)b + i * bstep, ldb, *(double *)beta, (double *)c + i * cstep, ldc);
        else
            multiply(ta, tb, m, n, k, *(float *)alpha, (float *)a + i * astep, lda,
                     (float *)b + i * bstep, ldb, *(float *)beta, (float *)c + i * cstep, ldc);
    return 0;
}
extern "C" int cublasGemmEx(
    void *handle, int ta, int tb, int m, int n, int k, const void *alpha,
    const void *a, int atype, int lda, const void *b, int btype, int ldb, const void *beta,
    void *c, int ctype, int ldc, int compute, int algorithm) {
    return cublasGemmStridedBatchedEx(handle, ta, tb, m, n, k, alpha, a, atype, lda, 0, b, btype,
                                      ldb, 0, beta, c, ctype, ldc, 0, 1, compute, algorithm);
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not there to compile the library")
    folder = tmp_path_factory.mktemp("cublas")
    (folder / "cublas.cpp").write_text(SOURCE)
    path = folder / "cublas.so"
    subprocess.run(
        ["g++", "-O1", "-shared", "-fPIC", "-o", path, folder / "cublas.cpp"], check=True
    )
    return path


@pytest.fixture
def cupy(library, monkeypatch):
    """The stand-in under CuPy's name, with such a library and without products of its own."""

    def refuse(*args, **kwargs):
        raise NotImplementedError("calling cuBLAS API during stream capture")

    cuda = SimpleNamespace(
        cublas=SimpleNamespace(__file__=str(library)),
        runtime=SimpleNamespace(getDevice=lambda: 0),
        Device=lambda: SimpleNamespace(compute_capability="90"),
        alloc=lambda size: SimpleNamespace(ptr=4096),
        get_current_stream=lambda: SimpleNamespace(ptr=cuda.stream),
        stream=5,
    )
    module = SimpleNamespace(
        __name__="cupy", cuda=cuda, empty=fake_cupy.empty, matmul=refuse, dot=refuse
    )
    monkeypatch.setitem(sys.modules, "cupy", module)
    monkeypatch.setattr(cublas, "_thread", cublas._Thread())
    return module


def laid_out(array, how):
    """On the device: as it is, or a view of something wider, or of its transpose."""
    if how == "turned":
        return fake_cupy.asarray(np.ascontiguousarray(array.swapaxes(-1, -2))).swapaxes(-1, -2)
    if how == "part":
        wide = np.full((*array.shape[:-1], array.shape[-1] + 3), np.nan, array.dtype)
        wide[..., 1:-2] = array
        return fake_cupy.asarray(wide)[..., 1:-2]
    if how == "every other":
        wide = np.full((*array.shape[:-1], array.shape[-1] * 2), np.nan, array.dtype)
        wide[..., ::2] = array
        return fake_cupy.asarray(wide)[..., ::2]
    return fake_cupy.asarray(array)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hows", list(product(LAYOUTS, LAYOUTS)))
@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 4), (4, 5)),
        ((1, 4), (4, 5)),
        ((3, 1), (1, 5)),
        ((3, 4), (4, 1)),
        ((2, 3, 4), (2, 4, 5)),
        ((3, 4), (2, 4, 5)),
        ((2, 3, 4), (4, 5)),
        ((6, 2, 3, 4), (6, 2, 4, 5)),
        ((2, 1, 4), (2, 4, 1)),
    ],
)
def test_any_layout(cupy, rng, shapes, hows, dtype):
    a, b = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    on = [laid_out(array, how) for array, how in zip((a, b), hows, strict=True)]
    expected = a.astype("float64") @ b
    made = cublas.matmul(cupy, *on)
    assert made.dtype == dtype
    np.testing.assert_allclose(made.get(), expected, 1e-5, 1e-5)
    out = fake_cupy.full(expected.shape, np.nan, dtype)
    assert cublas.matmul(cupy, *on, out) is out
    np.testing.assert_array_equal(out.get(), made.get())
    inside = fake_cupy.full((*expected.shape, 2), np.nan, dtype)[..., 0]
    cublas.matmul(cupy, *on, inside)
    np.testing.assert_array_equal(inside.get(), made.get())


def test_rows_that_lie_over_each_other(cupy, rng):
    """No matrix of cuBLAS's: they are copied apart."""
    row, b = (rng.standard_normal(shape).astype("float32") for shape in (4, (4, 5)))
    on = fake_cupy.asarray(row)
    same = fake_cupy.ndarray(np.broadcast_to(on._array, (3, 4)), on._block)
    found = cublas.matmul(cupy, same, fake_cupy.asarray(b)).get()
    np.testing.assert_allclose(found, np.broadcast_to(row, (3, 4)) @ b, 1e-5, 1e-6)


@pytest.mark.parametrize("turns", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_product_is_added(cupy, rng, turns, dtype):
    a, b, y = (rng.standard_normal(shape).astype(dtype) for shape in ((3, 4), (4, 5), (3, 5)))
    on = [
        fake_cupy.asarray(np.ascontiguousarray(m.T if t else m))
        for m, t in zip((a, b), turns, strict=True)
    ]
    sums = fake_cupy.asarray(y)
    blas_cuda.add_product(*on, sums, *turns)
    np.testing.assert_allclose(sums.get(), y + a.astype("float64") @ b, 1e-5, 1e-6)


def test_precision_and_stream(cupy, library):
    seen = ctypes.CDLL(str(library))
    one = fake_cupy.zeros((2, 2), "float32")
    cublas.matmul(cupy, one, one)
    assert (seen.stream_of(), seen.compute_of(), seen.space_of()) == (5, 68, 32 << 20)
    cupy.cuda.stream = 6
    for precision, number in (("tf32", 77), ("bf16", 75)):
        xp = SimpleNamespace(__name__="not cupy")  # so that CuPy's own setting is left alone
        with products(Device(xp, 0, np.random.default_rng(0), precision=precision)):
            cublas.matmul(cupy, one, one)
        assert (seen.stream_of(), seen.compute_of(), seen.space_of()) == (6, number, 32 << 20)
        with products(Device(xp, 0, np.random.default_rng(0), precision=precision)):
            cublas.matmul(cupy, one.astype("float64"), one.astype("float64"))
        assert seen.compute_of() == 70


def test_an_error_of_cublas(cupy, monkeypatch):
    monkeypatch.setattr(cublas, "_DEFAULT", 99)
    one = fake_cupy.zeros((2, 2), "float32")
    with pytest.raises(DeviceError, match=r"cublasGemmEx returns 13, .*EXECUTION_FAILED"):
        cublas.matmul(cupy, one, one)


def test_what_is_left_to_cupy(cupy):
    """Without elements, other types, more axes on one side: CuPy says what it makes of them."""
    cupy.matmul = lambda a, b, out=None: "of CuPy"
    zeros = fake_cupy.zeros
    for a, b in (
        (zeros((0, 2), "float32"), zeros((2, 3), "float32")),
        (zeros((3, 2), "float16"), zeros((2, 3), "float16")),
        (zeros((3, 2), "float32"), zeros((2, 3), "float64")),
        (zeros((4, 1, 3, 2), "float32"), zeros((4, 2, 3), "float32")),
        (zeros(2, "float32"), zeros((2, 3), "float32")),
        (zeros((3, 2), "float32"), zeros((3, 2), "float32")),
    ):
        assert cublas.matmul(cupy, a, b) == "of CuPy"


PRODUCTS = {"matmul", "dot", "einsum", "tensordot"}
OTHERS = {  # where CuPy may be asked: in place of cuBLAS, and what runs on the CPU alone
    "ops/cublas.py",
    "ops/blas_cuda.py",
    "ops/winograd.py",
}


def test_layers_and_ops_ask_for_products_here():
    """CuPy's own end a recording, and the whole run is slower for it."""
    folders = [Path(part.__file__).parent for part in (minicaffe.layers, minicaffe.solvers, ops)]
    found = set()
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        name = f"{path.parent.name}/{path.name}"
        if name.endswith("_cpu.py") or name in OTHERS:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in PRODUCTS:
                found.add(f"{name} {node.attr}")
            if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.MatMult):
                found.add(f"{name} @")
    assert found == {"layers/spatial_transformer.py @"}  # of NumPy's, on the host


@pytest.mark.parametrize("use", ["matmul", "dot", "einsum", "concatenate", "list", "set"])
def test_the_stand_in_refuses_in_a_recording_what_cupy_does(use):
    a = fake_cupy.zeros((3, 3), "float32")
    uses = {
        "matmul": lambda: a @ a,
        "dot": lambda: fake_cupy.dot(a, a),
        "einsum": lambda: fake_cupy.einsum("ij,ij->i", a, a),
        "concatenate": lambda: fake_cupy.concatenate([a] * 9),
        "list": lambda: a[[0, 2]],
        "set": lambda: a.__setitem__([0, 2], 1),
    }
    stream = fake_cuda.Stream()
    with stream:
        stream.begin_capture()
        with pytest.raises(fake_cuda.runtime.CUDARuntimeError, match="not permitted"):
            uses[use]()
    with pytest.raises(fake_cuda.runtime.CUDARuntimeError, match="Invalidated"):
        stream.end_capture()
