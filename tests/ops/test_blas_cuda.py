"""A product that is added: by cuBLAS in one pass, or as exactly as a layer asks for."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import blas_cuda, products
from tests.cuda_on_cpu import cupy_on_cpu


@pytest.mark.parametrize("precision", ["fp32", "tf32"])
@pytest.mark.parametrize("turn_b", [False, True])
@pytest.mark.parametrize("turn_a", [False, True])
def test_add_product(rng, monkeypatch, tmp_path, turn_a, turn_b, precision):
    asked = products.Products(precision=precision)
    monkeypatch.setattr(blas_cuda, "current", lambda: asked)
    a, b, y = (rng.standard_normal(shape) for shape in ((3, 5), (5, 2), (3, 2)))
    with cupy_on_cpu(tmp_path) as cupy:
        by_gemm = []
        plain = cupy.cublas.gemm
        monkeypatch.setattr(cupy.cublas, "gemm", lambda *args: by_gemm.append(plain(*args)))
        first, second = (m.T.copy() if turn else m for m, turn in ((a, turn_a), (b, turn_b)))
        found = cupy.asarray(y)
        blas_cuda.add_product(cupy.asarray(first), cupy.asarray(second), found, turn_a, turn_b)
    np.testing.assert_allclose(found.get(), y + a @ b, rtol=1e-12)
    assert len(by_gemm) == (precision == "fp32")


def test_nothing_is_added_of_no_elements():
    y = np.ones((3, 2))
    blas_cuda.add_product(np.empty((3, 0)), np.empty((0, 2)), y)
    np.testing.assert_array_equal(y, 1)
