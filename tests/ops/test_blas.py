"""gemm: every form of it against numpy, and the BLAS behind it."""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from minicaffe.ops import blas_cpu
from minicaffe.ops.blas_cpu import gemm

# one element, odd ones, one more than a piece each way, wide, tall, large enough not to be cut
SIZES = [(1, 1, 1), (3, 5, 7), (65, 129, 241), (33, 34, 970), (2, 700, 31), (301, 2, 90)]
SIZES += [(230, 210, 220)]
TOLERANCE = {np.float32: {"rtol": 1e-4, "atol": 1e-4}, np.float64: {"rtol": 1e-11, "atol": 1e-11}}


def operand(rng, rows, columns, transposed, dtype):
    """A matrix to multiply with, and the same as stored: (flat array, offset, row length)."""
    value = rng.standard_normal((rows, columns)).astype(dtype)
    stored = value.T if transposed else value
    wide = np.full((stored.shape[0], stored.shape[1] + 3), np.nan, dtype)
    wide[:, : stored.shape[1]] = stored
    return value, (np.concatenate([np.full(2, np.nan, dtype), wide.reshape(-1)]), 2, wide.shape[1])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
def test_matches_numpy(rng, size, ta, tb, dtype):
    m, n, k = size
    a, stored_a = operand(rng, m, k, ta, dtype)
    b, stored_b = operand(rng, k, n, tb, dtype)
    c = np.full((m, n + 4), np.nan, dtype)
    gemm(ta, tb, m, n, k, 2.0, *stored_a, *stored_b, 0.0, c, 1, n + 4)
    np.testing.assert_allclose(c[:, 1 : n + 1], 2 * a @ b, **TOLERANCE[dtype])
    assert np.isnan(c[:, [0, n + 1, n + 2, n + 3]]).all()
    before = rng.standard_normal(c.shape).astype(dtype)
    after = before.copy()
    gemm(ta, tb, m, n, k, -1.0, *stored_a, *stored_b, 0.5, after, 1, n + 4)
    expected = before / 2
    expected[:, 1 : n + 1] -= a @ b
    np.testing.assert_allclose(after[:, 1 : n + 1], expected[:, 1 : n + 1], **TOLERANCE[dtype])
    outside = [0, n + 1, n + 2, n + 3]
    np.testing.assert_array_equal(after[:, outside], before[:, outside])


@pytest.mark.parametrize(("m", "n"), [(0, 4), (3, 0)])
def test_of_nothing_leaves_everything(m, n):
    c = np.full(12, 7.0)
    gemm(False, False, m, n, 2, 1.0, np.ones(8), 0, 2, np.ones(8), 0, max(1, n), 0.0, c, 0, 4)
    assert (c == 7).all()


@pytest.mark.parametrize(("beta", "expected"), [(0.0, 0.0), (0.5, 3.5)])
def test_sums_of_nothing_are_zero(beta, expected):
    c = np.full(6, 7.0)
    gemm(False, False, 2, 3, 0, 1.0, np.ones(1), 0, 0, np.ones(1), 0, 3, beta, c, 0, 3)
    assert (c == expected).all()


def test_scipys_blas_has_one_thread():
    own = [lib for lib in threadpool_info() if "scipy.libs" in Path(lib["filepath"]).parts]
    assert all(lib["num_threads"] == 1 for lib in own)


def test_numpys_blas_is_left_alone():
    assert blas_cpu._is_numpys(Path("/site-packages/numpy.libs/libscipy_openblas64_.so"))
    assert not blas_cpu._is_numpys(Path("/numpy-env/scipy.libs/libscipy_openblas.so"))


def test_refuses_a_blas_with_long_integers(monkeypatch):
    new = ctypes.pythonapi.PyCapsule_New
    new.restype = ctypes.py_object
    new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    name = ctypes.create_string_buffer(b"void (char *, char *, long *, long *, long *, s *)")
    capsule = new(ctypes.addressof(name), ctypes.cast(name, ctypes.c_char_p), None)
    module = SimpleNamespace(__pyx_capi__={"sgemm": capsule, "dgemm": capsule})
    monkeypatch.setattr(blas_cpu, "import_module", lambda _: module)
    with pytest.raises(ImportError, match="expected int arguments"):
        blas_cpu._load()
