"""Kernels run on the CPU: what is wrong with one is found, and what is right is not."""

from __future__ import annotations

from shutil import which

import numpy as np
import pytest

from minicaffe.ops import cuda
from minicaffe.ops.cuda import BLOCK_SUMS, THREADS, Kernel
from tests.cuda_on_cpu import cupy_on_cpu

needs_gxx = pytest.mark.skipif(which("g++") is None, reason="g++ compiles the kernels here")
NUMBER = "I i = (I)blockIdx.x * THREADS + threadIdx.x;"
COPY = f"(I count, const T *x, T *y) {{ {NUMBER} if (i < count) y[i] = x[i]; }}"


@pytest.fixture
def kernel(monkeypatch):
    """Make the kernel ``f`` from its parameters and body; it is not among the library's."""
    monkeypatch.setattr(cuda, "KERNELS", [])
    return lambda text, before="": Kernel("f", f'{before}extern "C" __global__ void f{text}')


@pytest.fixture(params=[False, True], ids=["forwards", "backwards"])
def cupy(request, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "mistakes"
    folder.mkdir(exist_ok=True)
    with cupy_on_cpu(folder, request.param) as cupy:
        yield cupy


@needs_gxx
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 1, THREADS, 3 * THREADS + 5])
def test_a_thread_an_element(kernel, cupy, dtype, size):
    x, y = cupy.asarray(np.arange(size, dtype=dtype)), cupy.zeros(size, dtype)
    kernel(COPY)(size, x, y)
    assert y.tolist() == list(range(size))


@needs_gxx
@pytest.mark.parametrize("reduce", ["sum", "max"])
def test_a_block_an_item(kernel, cupy, rng, reduce):
    x = rng.standard_normal((5, 700)).astype(np.float32)
    more = {"sum": "mine += value", "max": "mine = max(mine, value)"}[reduce]
    run = kernel(
        "(const T *x, T *y, I width) {"
        f" T mine = {'0' if reduce == 'sum' else 'x[blockIdx.x * width]'};"
        " for (I i = threadIdx.x; i < width; i += THREADS) {"
        f"  T value = x[blockIdx.x * width + i]; {more}; }}"
        f" T all = block_{reduce}(mine); if (threadIdx.x == 255) y[blockIdx.x] = all; }}",
        BLOCK_SUMS,
    )
    y = cupy.zeros(5, cupy.float32)
    run.blocks(5, cupy.asarray(x), y, 700)
    np.testing.assert_allclose(y.get(), getattr(x, reduce)(axis=1), rtol=1e-4, atol=1e-4)


@needs_gxx
@pytest.mark.parametrize(("reduce", "expected"), [("sum", THREADS), ("max", 1)])
def test_every_thread_gets_each_result(kernel, cupy, reduce, expected):
    run = kernel(
        f"(T *y) {{ T first = block_{reduce}((T)1), second = block_{reduce}((T)2);"
        " y[threadIdx.x] = second * 1000 + first; }",
        BLOCK_SUMS,
    )
    y = cupy.zeros(THREADS)
    run.blocks(1, y)
    assert set(y.tolist()) == {2001.0 * expected}


@needs_gxx
def test_arguments_are_what_the_source_declares(kernel, cupy):
    run = kernel(
        "(I count, const T *none, double *y, T a, int b, unsigned long long c, bool d, double e)"
        "{ if (threadIdx.x) return; y[0] = none != 0; y[1] = a; y[2] = b; y[3] = c >> 60; y[4] = d;"
        " y[5] = e; y[6] = sizeof(T); y[7] = sizeof(I); }"
    )
    y = cupy.zeros(8)
    run(1, None, y, 0.5, -3, 2**63, True, 1e300)
    assert y.tolist() == [0, 0.5, -3, 8, 1, 1e300, 4, 4]


@needs_gxx
def test_large_arrays_have_large_indices(kernel, cupy, monkeypatch):
    monkeypatch.setattr(cuda, "_MOST", 300)
    run = kernel("(I count, T *y) { if (threadIdx.x == 0) y[0] = sizeof(I); }")
    for size, expected in ((200, 4), (301, 8)):
        y = cupy.zeros(size)
        run(1, y)
        assert y[0] == expected


@needs_gxx
def test_an_array_may_be_there_twice(kernel, cupy):
    x = cupy.asarray(np.arange(5.0))
    kernel("(I count, const T *x, T *y) { int i = threadIdx.x; if (i < count) y[i] = x[i] + 1; }")(
        5, x, x
    )
    assert x.tolist() == [1, 2, 3, 4, 5]


@needs_gxx
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"(I count, const T *x, T *y) {{ {NUMBER} y[i] = 0; }}", "writes outside an array of"),
        (f"(I count, const T *x, T *y) {{ {NUMBER} if (!i) y[-1] = 0; }}", "writes outside"),
        (f"(I count, const T *x, T *y) {{ {NUMBER} if (!i) ((T *)x)[1] = 9; }}", "to a const"),
        ("(I count, const T *x, T *y) { if (threadIdx.x < 9) __syncthreads(); }", "__syncthreads"),
        ("(I count, const T *x, T *y) { y[0] = nothing; }", "not declared"),
    ],
)
def test_mistakes_are_found(kernel, cupy, text, message):
    with pytest.raises(AssertionError, match=message):
        kernel(text)(5, cupy.zeros(5), cupy.zeros(5))


@needs_gxx
@pytest.mark.parametrize(
    "text",
    [
        f"(I count, const T *x, T *y) {{ {NUMBER} if (i < count) y[i] = x[i + 1]; }}",
        "(I count, const T *x, T *y) { y[0] = threadIdx.x; }",
        "(I count, const T *x, T *y) { __shared__ T all; if (!threadIdx.x) all = 3;"
        " y[threadIdx.x % count] = all; if (0) __syncthreads(); }",
    ],
    ids=["reads past the end", "all write to one place", "does not wait"],
)
def test_what_is_left_to_chance_shows(kernel, tmp_path, text):
    """Forwards and backwards do not give the same."""
    found = []
    for backwards in (False, True):
        with cupy_on_cpu(tmp_path, backwards) as cupy:
            y = cupy.zeros(5)
            kernel(text)(5, cupy.asarray(np.ones(5)), y)
            found.append(y.tolist())
    assert str(found[0]) != str(found[1])


@needs_gxx
def test_arrays_that_overlap_are_found(kernel, cupy):
    x = cupy.zeros(9)
    with pytest.raises(AssertionError, match="overlap"):
        kernel(COPY)(4, x[:5], x[:4])
    with pytest.raises(AssertionError, match="overlap"):
        kernel(COPY)(4, x[:5], x[2:])


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.zeros(4, np.float32), np.zeros(4)),
        (np.zeros(4, np.int32), np.zeros(4)),
        (np.zeros((4, 2)).T, np.zeros(8)),
    ],
)
def test_arrays_of_another_kind_are_refused(kernel, cupy, x, y):
    with pytest.raises(TypeError, match=r"f is given .*, expected contiguous float(32|64)"):
        kernel(COPY)(4, *(cupy.asarray(a) if a.ndim == 1 else cupy.asarray(a.T).T for a in (x, y)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(I count, half *x) { }", "the type of 'half \\*x' is unknown"),
        ("[]", "no kernel f, expected extern"),
    ],
)
def test_sources_of_another_kind_are_refused(kernel, text, message):
    with pytest.raises(ValueError, match=message):
        kernel(text)
