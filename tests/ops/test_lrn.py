"""Each compiled body of ``ops.lrn`` gives what its reference gives."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from minicaffe.ops import lrn as ops
from tests.cuda_on_cpu import Case

SHAPES = [(2, 7, 3, 5), (1, 3, 6, 37), (3, 1, 1, 2), (2, 11, 9, 4), (0, 3, 4, 5)]
PARAMETERS = {  # size, alpha, beta, k
    "caffenet": (5, 1e-4, 0.75, 1.0),
    "strong": (3, 2.0, 0.75, 2.0),
    "power": (5, 0.5, 0.6, 1.5),
    "alone": (1, 1.0, 0.75, 1.0),
    "wider than the input": (15, 3.0, 0.5, 1.0),
}


@pytest.fixture(params=PARAMETERS)
def parameters(request):
    return PARAMETERS[request.param]


@pytest.fixture(params=[(1,), (2, 3)], ids=["across", "within"])
def axes(request):
    return request.param


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lrn(rng, axes, parameters, shape, dtype):
    size, alpha, beta, k = parameters
    x, dy = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    tolerance = {"rtol": 1e-5, "atol": 2e-6} if dtype == np.float32 else {"rtol": 1e-12}
    found, expected = ([np.full(shape, 7, dtype) for _ in range(3)] for _ in range(2))
    ops.lrn.compiled(x, *found[:2], axes, size, alpha, beta, k)
    ops.lrn.reference(np, x, *expected[:2], axes, size, alpha, beta, k)
    ops.lrn_grad.compiled(x, *expected[:2], dy, found[2], axes, size, alpha, beta)
    ops.lrn_grad.reference(np, x, *expected[:2], dy, expected[2], axes, size, alpha, beta)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, **tolerance)


@pytest.mark.parametrize("special", [np.nan, np.inf, 1e20])
def test_an_extreme_element_stays_in_its_window(rng, axes, special):
    """A running sum would carry it on, as NaN or as lost digits, to all that follows."""
    x = rng.standard_normal((1, 9, 8, 7)).astype(np.float32)
    plain, y, scale = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    ops.lrn.compiled(x, plain, scale, axes, 3, 1.0, 0.75, 1.0)
    x[0, 4, 4, 3] = special
    ops.lrn.compiled(x, y, scale, axes, 3, 1.0, 0.75, 1.0)
    changed = np.zeros(x.shape, bool)
    changed[(0, slice(3, 6), 4, 3) if axes == (1,) else (0, 4, slice(3, 6), slice(2, 5))] = True
    np.testing.assert_array_equal(y[~changed], plain[~changed])
    assert (y[changed] != plain[changed]).all()


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for shape, axes, (name, parameters) in product(SHAPES, [(1,), (2, 3)], PARAMETERS.items()):
        size, alpha, beta, k = parameters
        x, dy = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
        y, scale, dx = (np.full(shape, 7, dtype) for _ in range(3))
        yield Case(ops.lrn, (x, y, scale, axes, size, alpha, beta, k), name)
        ops.lrn.reference(np, x, y, scale, axes, size, alpha, beta, k)
        yield Case(ops.lrn_grad, (x, y, scale, dy, dx, axes, size, alpha, beta), name, atol=2e-6)
