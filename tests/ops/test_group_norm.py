"""``ops.group_norm``: the compiled bodies against the references."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import group_norm as ops
from tests.cuda_on_cpu import Case

SHAPES = [(3, 5), (1, 1000), (7, 1), (2, 33), (0, 4)]


def bodies(op):
    return [op.compiled, lambda *args: op.reference(np, *args)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("in_place", [False, True])
def test_both_ways(rng, shape, dtype, in_place):
    x, dy = ((3 + rng.standard_normal(shape)).astype(dtype) for _ in range(2))
    limit = dict.fromkeys(("rtol", "atol"), 3e-6 if dtype == np.float32 else 1e-12)
    results = []
    for forward, backward in zip(*map(bodies, (ops.group_norm, ops.group_norm_grad)), strict=True):
        mean, std = (np.full(shape[0], 7, dtype) for _ in range(2))
        y = x.copy() if in_place else np.full(shape, 7, dtype)
        forward(y if in_place else x, y, mean, std, 0.01)
        dx = dy.copy() if in_place else np.full(shape, 7, dtype)
        backward(x, dx if in_place else dy, dx, mean, std)
        results.append((y, mean, std, dx))
    for found, right in zip(*results, strict=True):
        np.testing.assert_allclose(found, right, **limit)


@pytest.mark.parametrize("which", [0, 1])
def test_rows_of_equal_elements_and_of_what_is_no_number(which):
    x = np.array([[3, 3, 3], [1, np.nan, 1], [np.inf, 0, 1], [-1, 0, 1]], np.float32)
    mean, std, y = np.empty(4, np.float32), np.empty(4, np.float32), np.empty_like(x)
    with np.errstate(invalid="ignore"):
        bodies(ops.group_norm)[which](x, y, mean, std, 0.0)
    assert not y[0].any()
    assert np.isnan(y[1]).all()
    assert np.isnan(y[2]).any()
    np.testing.assert_allclose(y[3], [-(1.5**0.5), 0, 1.5**0.5], rtol=1e-6)
    dx = np.empty_like(x)
    with np.errstate(invalid="ignore"):
        bodies(ops.group_norm_grad)[which](x, np.ones_like(x), dx, mean, std)
    assert not dx[0].any()
    assert not dx[3].any()


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    single = dtype == np.float32
    close = {"rtol": 2e-5, "atol": 1e-5} if single else {"rtol": 1e-11, "atol": 1e-11}
    for shape in [*SHAPES, (2, 257), (3, 16384), (2, 33001)]:
        x, dy, y, dx = ((3 + rng.standard_normal(shape)).astype(dtype) for _ in range(4))
        mean, std = (np.full(shape[0], 7, dtype) for _ in range(2))
        yield Case(ops.group_norm, (x, y, mean, std, 0.01), f"{shape}", **close)
        yield Case(ops.group_norm, (x, x, mean, std, 0.01), f"{shape} in place", **close)
        ops.group_norm.reference(np, x, y, mean, std, 0.01)
        yield Case(ops.group_norm_grad, (x, dy, dx, mean, std), f"{shape}", **close)
        yield Case(ops.group_norm_grad, (x, dy, dy, mean, std), f"{shape} in place", **close)
    for size in (5, 40000):
        x, dy = np.full((2, size), 3, dtype), rng.standard_normal((2, size)).astype(dtype)
        x[1, 1] = np.nan
        mean, std, y = np.full(2, 7, dtype), np.full(2, 7, dtype), np.empty_like(x)
        yield Case(ops.group_norm, (x, y, mean, std, 0.0), f"{size} equal or NaN")
        ops.group_norm.reference(np, x, y, mean, std, 0.0)
        yield Case(ops.group_norm_grad, (x, dy, y, mean, std), f"{size} equal or NaN")
