"""Each compiled body of ``ops.eltwise`` gives what its reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import eltwise as ops
from tests.cuda_on_cpu import Case

SHAPES = [(3, 5), (5, 7, 1000), (0, 4)]  # the second runs in parallel


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


def close(found, expected, dtype):
    kind = np.finfo(dtype).eps * 8
    np.testing.assert_allclose(found, expected, rtol=kind, atol=kind)


def arrays(rng, count, shape, dtype):
    return [rng.integers(-3, 4, shape).astype(dtype) / 2 for _ in range(count)]  # many tie


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_weighted_sum(rng, shape, dtype, count):
    xs = [rng.standard_normal(shape).astype(dtype) for _ in range(count)]
    weights = rng.standard_normal(count).tolist()
    found, expected = np.full(shape, 7, dtype), np.full(shape, 7, dtype)
    ops.weighted_sum.compiled(xs, weights, found)
    ops.weighted_sum.reference(np, xs, weights, expected)
    close(found, expected, dtype)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_product(rng, shape, dtype, count):
    xs = [rng.standard_normal(shape).astype(dtype) for _ in range(count)]
    found, expected = np.full(shape, 7, dtype), np.full(shape, 7, dtype)
    ops.product.compiled(xs, found)
    ops.product.reference(np, xs, expected)
    close(found, expected, dtype)


def test_ratio_product(rng, shape, dtype):
    y, x, dy = arrays(rng, 3, shape, dtype)
    found, expected = np.full(shape, 7, dtype), np.full(shape, 7, dtype)
    ops.ratio_product.compiled(y, x, dy, found)
    with np.errstate(all="ignore"):
        ops.ratio_product.reference(np, y, x, dy, expected)
    close(found, expected, dtype)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_maximum(rng, shape, dtype, count):
    xs = arrays(rng, count, shape, dtype)
    for x in xs:
        x.reshape(-1)[rng.integers(0, x.size or 1, x.size // 5)] = np.nan
    y, index = np.full((2, *shape), 7, dtype), np.full((2, *shape), 7, np.int32)
    ops.maximum.compiled(xs, y[0], index[0])
    ops.maximum.reference(np, xs, y[1], index[1])
    np.testing.assert_array_equal(y[0], y[1])
    np.testing.assert_array_equal(index[0], index[1])
    dy, dx = xs[0], np.full((2, *shape), 7, dtype)
    for i in range(count):
        ops.maximum_grad.compiled(index[0], i, dy, dx[0])
        ops.maximum_grad.reference(np, index[1], i, dy, dx[1])
        np.testing.assert_array_equal(dx[0], dx[1])


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for shape in [(1,), (3, 5), (2, 1031), (0, 4)]:
        y, index = np.full(shape, 7, dtype), np.full(shape, 7, np.int32)
        for count in (1, 2, 3, 4, 5, 7, 8):
            xs = arrays(rng, count, shape, dtype)
            name = f"{count} of {shape}"
            yield Case(ops.weighted_sum, (xs, rng.standard_normal(count).tolist(), y), name)
            yield Case(ops.product, (xs, y), name)
            if count > 1:
                for x in xs:
                    x[rng.random(shape) < 0.2] = np.nan
                yield Case(ops.maximum, (xs, y, index), name)
        a, b, dy = arrays(rng, 3, shape, dtype)
        yield Case(ops.ratio_product, (a, np.where(b == 0, dtype(1), b), dy, y), f"{shape}")
        index[...] = rng.integers(0, 3, shape)
        yield Case(ops.maximum_grad, (index, 1, dy, y), f"{shape}")
        yield Case(ops.sum_relu, (a, b, 0.7, -1.5, y), f"{shape}")
        a[rng.random(shape) < 0.2] = np.nan
        yield Case(ops.sum_relu, (a, b, 1.0, 1.0, y), f"{shape}")
        da, db = np.full(shape, 7, dtype), np.full(shape, 7, dtype)
        for given in ((da, db), (None, db), (da, None)):
            yield Case(ops.sum_relu_grad, (a, dy, 0.7, -1.5, *given), f"{shape}")
