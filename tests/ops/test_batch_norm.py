"""Each compiled body of ``ops.batch_norm`` gives what its reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import batch_norm as ops
from tests.cuda_on_cpu import Case

# (N, C, S): elements side by side many, few, one; one image, one channel
SHAPES = [(3, 5, 49), (2, 3, 1030), (5, 300, 1), (4, 67, 5), (1, 7, 60), (1, 9, 2), (6, 1, 130)]
DTYPES = [np.float32, np.float64]


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kept", [False, True])
def test_batch_norm(rng, shape, dtype, kept):
    x = (rng.standard_normal(shape) * 3 + 5).astype(dtype)
    results = []
    for body in (ops.batch_norm.compiled, lambda *args: ops.batch_norm.reference(np, *args)):
        y = x.copy() if kept else np.full_like(x, 7)
        copy = np.full_like(x, 7) if kept else None
        moments = [np.full(shape[1], 7, dtype) for _ in range(3)]
        body(y if kept else x, y, copy, *moments, 0.25, 0.5)
        if kept:
            np.testing.assert_array_equal(copy, x)
        results.append((y, *moments))
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, **_tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("in_place", [False, True])
def test_batch_norm_grad(rng, shape, dtype, in_place):
    x, dy = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    mean, std = (rng.uniform(1, 2, shape[1]).astype(dtype) for _ in range(2))
    found = dy.copy() if in_place else np.full_like(x, 7)
    expected = np.full_like(x, 7)
    ops.batch_norm_grad.reference(np, x, dy, expected, mean, std)
    ops.batch_norm_grad.compiled(x, found if in_place else dy, found, mean, std)
    np.testing.assert_allclose(found, expected, **_tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("in_place", [False, True])
def test_normalize(rng, shape, dtype, in_place):
    x = rng.standard_normal(shape).astype(dtype)
    mean, std = (rng.uniform(1, 2, shape[1]).astype(dtype) for _ in range(2))
    found = x.copy() if in_place else np.full_like(x, 7)
    expected = np.full_like(x, 7)
    ops.normalize.reference(np, x, expected, mean, std)
    ops.normalize.compiled(found if in_place else x, found, mean, std)
    np.testing.assert_allclose(found, expected, **_tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("in_place", [False, True])
def test_center(rng, shape, dtype, in_place):
    x = rng.standard_normal(shape).astype(dtype)
    found = x.copy() if in_place else np.full_like(x, 7)
    expected = np.full_like(x, 7)
    ops.center.reference(np, x, expected)
    ops.center.compiled(found if in_place else x, found)
    np.testing.assert_allclose(found, expected, **_tolerance(dtype))


@pytest.mark.parametrize("shape", [(40, 3, 500), (4000, 9, 1)], ids=str)
def test_a_large_offset_costs_no_digits(rng, shape):
    x = (rng.standard_normal(shape) + 3000).astype(np.float32)
    y, moments = np.empty_like(x), [np.empty(shape[1], np.float32) for _ in range(3)]
    ops.batch_norm.compiled(x, y, None, *moments, 0.0, 0.0)
    exact = x.astype(float)
    np.testing.assert_allclose(moments[0], exact.mean(axis=(0, 2)), rtol=1e-7)
    np.testing.assert_allclose(moments[1], exact.var(axis=(0, 2)), rtol=1e-5)


@pytest.mark.parametrize("shape", [(2, 3, 70), (5, 3, 4)], ids=str)
@pytest.mark.parametrize("body", ["compiled", "reference"])
def test_what_is_not_finite_stays_in_its_channel(rng, shape, body):
    x = rng.standard_normal(shape)
    x[0, 0, 1], x[0, 2, 0] = np.nan, np.inf
    y, moments = np.empty_like(x), [np.empty(3) for _ in range(3)]
    arguments = x, y, None, *moments, 1e-5, 0.0
    with np.errstate(invalid="ignore"):
        if body == "compiled":
            ops.batch_norm.compiled(*arguments)
        else:
            ops.batch_norm.reference(np, *arguments)
    assert np.isnan(y[:, [0, 2]]).all()
    assert np.isfinite(y[:, 1]).all()
    assert np.isnan(moments[0][0])
    assert moments[0][2] == np.inf


@pytest.mark.parametrize("shape", [(2, 3, 70), (5, 3, 4), (3, 3, 1)], ids=str)
def test_no_deviation(shape):
    """A constant channel is exactly 0 over sqrt(eps), and 0 / 0 without eps."""
    x = np.full(shape, np.float32(0.1))
    for eps, expected in [(1e-5, 0.0), (0.0, np.nan)]:
        for body in (ops.batch_norm.compiled, lambda *args: ops.batch_norm.reference(np, *args)):
            y, moments = np.empty_like(x), [np.empty(3, np.float32) for _ in range(3)]
            with np.errstate(invalid="ignore"):
                body(x, y, None, *moments, eps, 0.0)
            np.testing.assert_array_equal(y, np.full(shape, np.float32(expected)))


def _tolerance(dtype):
    return {"rtol": 1e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-13}


# one block; a channel's elements 257, one; shares of a channel, uneven; channels side by side
CUDA_SHAPES = [(7, 3, 49), (1, 2, 257), (6, 3, 1), (1, 1, 1), (5, 2, 1651), (8200, 2, 1)]


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for shape in CUDA_SHAPES:
        x = (rng.standard_normal(shape) * 3 + 5).astype(dtype)
        y, dy = np.full_like(x, 7), rng.standard_normal(shape).astype(dtype)
        moments = tuple(np.full(shape[1], 7, dtype) for _ in range(3))
        yield Case(ops.batch_norm, (x, y, None, *moments, 0.25, 0.5), f"{shape}")
        yield Case(ops.batch_norm, (x, x, np.full_like(x, 7), *moments, 0.25, 0.5), f"{shape}")
        mean, std = (rng.uniform(1, 2, shape[1]).astype(dtype) for _ in range(2))
        yield Case(ops.batch_norm_grad, (x, dy, y, mean, std), f"{shape}")
        yield Case(ops.batch_norm_grad, (x, dy, dy, mean, std), f"{shape} in place")
        yield Case(ops.normalize, (x, y, mean, std), f"{shape}")
        yield Case(ops.normalize, (x, x, mean, std), f"{shape} in place")
        yield Case(ops.center, (x, y), f"{shape}")
        yield Case(ops.center, (x, x), f"{shape} in place")
    for shape in CUDA_SHAPES[:2], CUDA_SHAPES[4:]:  # a large offset, none at all
        for each in shape:
            x = (rng.standard_normal(each) + 3000).astype(dtype)
            x[:, 0] = 0.1
            moments = tuple(np.full(each[1], 7, dtype) for _ in range(3))
            args = x, np.full_like(x, 7), None, *moments, 1e-5, 0.0
            single = {"rtol": 1e-4, "atol": 3e-4} if dtype == np.float32 else {"atol": 1e-9}
            yield Case(ops.batch_norm, args, f"{each} far off", **single)
