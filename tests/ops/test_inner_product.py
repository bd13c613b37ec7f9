"""Each compiled body of ``ops.inner_product`` gives what its reference gives."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from minicaffe.ops import inner_product as ops
from minicaffe.ops import inner_product_cpu
from tests.cuda_on_cpu import Case as CudaCase

SIZES = [(2, 4, 90), (1, 300, 33), (300, 1, 17), (37, 70, 41), (0, 4, 3), (5, 3, 0), (3, 130, 1)]
TOLERANCE = {np.float32: {"rtol": 1e-3, "atol": 1e-3}, np.float64: {"rtol": 1e-10, "atol": 1e-10}}


class Case:
    """The arrays of a product of M vectors with an N by K matrix."""

    def __init__(self, rng, size, transpose, dtype):
        m, n, k = size
        self.transpose, self.tolerance = transpose, TOLERANCE[dtype]
        self.x = rng.standard_normal((m, k)).astype(dtype)
        self.w = rng.standard_normal((k, n) if transpose else (n, k)).astype(dtype)
        self.bias = rng.standard_normal(n).astype(dtype)
        self.dy = rng.standard_normal((m, n)).astype(dtype)

    def forward(self, body, bias):
        """y."""
        y = np.full_like(self.dy, np.nan)
        body(self.x, self.w, bias, y, self.transpose)
        return y

    def backward(self, body, wanted):
        """dx, dw and dbias, None where not wanted."""
        starts = (np.full_like(self.x, np.nan), np.ones_like(self.w), np.ones_like(self.bias))
        grads = [grad if want else None for grad, want in zip(starts, wanted, strict=True)]
        body(self.x, self.w, self.dy, *grads, self.transpose)
        return grads


def reference(op):
    return lambda *args: op.reference(np, *args)


@pytest.fixture(params=[1, 2, 5])
def workers(request, monkeypatch):
    """The number of shares that the work is cut into, whatever the number of threads."""
    monkeypatch.setattr(inner_product_cpu, "threads", lambda: request.param)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_inner_product(rng, workers, size, transpose, dtype):
    case = Case(rng, size, transpose, dtype)
    for bias in (case.bias, None):
        found = case.forward(ops.inner_product.compiled, bias)
        np.testing.assert_allclose(
            found, case.forward(reference(ops.inner_product), bias), **case.tolerance
        )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_inner_product_grad(rng, workers, size, transpose, dtype):
    case = Case(rng, size, transpose, dtype)
    for wanted in product([False, True], repeat=3):
        found = case.backward(ops.inner_product_grad.compiled, wanted)
        expected = case.backward(reference(ops.inner_product_grad), wanted)
        for a, b in zip(found, expected, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a, b, **case.tolerance)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for size in [*SIZES, (4099, 3, 2), (1, 1, 1)]:
        for transpose in (False, True):
            case = Case(rng, size, transpose, dtype)
            for wanted in [(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)]:
                dw, dbias = np.ones_like(case.w), np.ones_like(case.bias)
                grads = (np.full_like(case.x, 7), dw, dbias)
                given = [grad if want else None for grad, want in zip(grads, wanted, strict=True)]
                args = case.x, case.w, case.dy, *given, transpose
                yield CudaCase(ops.inner_product_grad, args, f"{size}", **TOLERANCE[dtype])
