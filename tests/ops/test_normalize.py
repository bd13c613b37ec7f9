"""``ops.normalize``: against loops in float64, and the compiled bodies against the references."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from minicaffe.ops import normalize as ops
from tests.cuda_on_cpu import Case

# (N, C, S): many positions, one, stretches with a rest; one channel, one item, none
SHAPES = [(2, 3, 5), (3, 130, 1), (1, 4, 600), (2, 1, 257), (1, 1, 1), (0, 2, 3), (2, 5, 0)]
EPS = 0.01


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


def bodies(op):
    return [op.compiled, lambda *args: op.reference(np, *args)]


def loops(x, factor, dy, across):
    """y, dx and the gradient of a factor for each channel, one element after the other."""
    y, dx, dfactor = np.zeros(x.shape), np.zeros(x.shape), np.zeros(x.shape[1])
    for n in range(x.shape[0]):
        for s in range(x.shape[2]):
            of = (n,) if across else (n, slice(None), s)
            r = np.sqrt((x[of] ** 2).sum() + EPS)
            along = (dy[n] * factor[:, None] * x[n])[() if across else (slice(None), s)].sum()
            for c in range(x.shape[1]):
                y[n, c, s] = factor[c] * x[n, c, s] / r
                dx[n, c, s] = factor[c] * dy[n, c, s] / r - x[n, c, s] * along / r**3
                dfactor[c] += dy[n, c, s] * x[n, c, s] / r
    return y, dx, dfactor


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("which", [0, 1])
def test_both_ways(rng, shape, dtype, across, shared, which):
    x, dy = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    factor = rng.standard_normal(1 if shared else shape[1]).astype(dtype)
    all_factors = np.broadcast_to(factor, shape[1:2])
    y, dx, dfactor = loops(*(a.astype(np.float64) for a in (x, all_factors, dy)), across)
    limit = {"rtol": 2e-5, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-11}
    norm = np.full((shape[0], 1 if across else shape[2]), 7, dtype)
    found = np.full(shape, 7, dtype)
    bodies(ops.normalize)[which](x, factor, found, norm, EPS)
    np.testing.assert_allclose(found, y, **limit)
    grad, dfound = np.full(shape, 7, dtype), np.ones_like(factor)
    bodies(ops.normalize_grad)[which](x, factor, dy, norm, grad, dfound)
    np.testing.assert_allclose(grad, dx, **limit)
    expected = 1 + (dfactor.sum(keepdims=True) if shared else dfactor)
    np.testing.assert_allclose(dfound, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("which", [0, 1])
def test_only_what_is_wanted(rng, which):
    x, dy = (rng.standard_normal((2, 3, 5)) for _ in range(2))
    factor, norm, y = rng.standard_normal(3), np.empty((2, 5)), np.empty_like(x)
    bodies(ops.normalize)[which](x, factor, y, norm, EPS)
    dx, dfactor = np.empty_like(x), np.zeros(3)
    body = bodies(ops.normalize_grad)[which]
    body(x, factor, dy, norm, dx, None)
    body(x, factor, dy, norm, None, dfactor)
    _, right, dright = loops(x, factor, dy, False)
    np.testing.assert_allclose(dx, right)
    np.testing.assert_allclose(dfactor, dright)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("across", [False, True])
def test_a_length_of_0_and_one_that_is_no_number(which, across):
    x = np.zeros((3, 2, 2), np.float32)
    x[1, 1, 0] = np.nan
    x[2] = 3
    norm, y = np.empty((3, 1 if across else 2), np.float32), np.empty_like(x)
    factor = np.ones(2, np.float32)
    bodies(ops.normalize)[which](x, factor, y, norm, 0.0)
    assert not y[0].any()
    assert np.isnan(y[1, :, 0]).all()
    np.testing.assert_allclose(y[2], 0.5 if across else 0.5**0.5, rtol=1e-6)
    dx = np.empty_like(x)
    bodies(ops.normalize_grad)[which](x, factor, x + 1, norm, dx, None)
    assert not dx[0].any()
    assert np.isnan(dx[1, :, 0]).all()


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    close = dict.fromkeys(("rtol", "atol"), 2e-5) if dtype == np.float32 else {"rtol": 1e-11}
    for shape, across, shared in product([*SHAPES, (2, 3, 9001)], (False, True), (False, True)):
        x, dy, y, dx = (rng.standard_normal(shape).astype(dtype) for _ in range(4))
        factor = rng.standard_normal(1 if shared else shape[1]).astype(dtype)
        norm = np.full((shape[0], 1 if across else shape[2]), 7, dtype)
        name = f"{shape} {across} {shared}"
        if x.size:
            x[0, :, 0] = 0
        yield Case(ops.normalize, (x, factor, y, norm, 0.0), name, **close)
        yield Case(ops.normalize, (x, factor, y, norm, EPS), name, **close)
        # of one channel the gradient is 0 but for what eps is
        ops.normalize.reference(np, x, factor, y, norm, 0.0 if shape[1] > 1 else EPS)
        for wanted in [(dx, np.ones_like(factor)), (dx, None), (None, np.ones_like(factor))]:
            yield Case(ops.normalize_grad, (x, factor, dy, norm, *wanted), name, **close)
