"""Each compiled body of ``ops.pooling`` gives what its reference gives."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from minicaffe.ops import pooling as ops
from tests.cuda_on_cpu import Case

GEOMETRIES = {  # (N, C, H, W), kernels, strides, pads: those written out, their edges, the rest
    "halving": ((2, 3, 8, 70), (2, 2), (2, 2), (0, 0)),
    "halving, odd": ((2, 3, 7, 9), (2, 2), (2, 2), (0, 0)),
    "halving, padded": ((2, 3, 7, 38), (2, 2), (2, 2), (1, 1)),
    "3 by 2, whole": ((1, 5, 7, 85), (3, 3), (2, 2), (0, 0)),
    "3 by 2, over the edge": ((3, 1, 8, 6), (3, 3), (2, 2), (0, 0)),
    "3 by 2, padded": ((2, 2, 9, 40), (3, 3), (2, 2), (1, 1)),
    "3 by 2, two pads": ((2, 2, 5, 4), (3, 3), (2, 2), (2, 2)),
    "3 by 1, padded": ((2, 3, 6, 37), (3, 3), (1, 1), (1, 1)),
    "3 by 1, tall stride": ((2, 3, 11, 5), (3, 3), (4, 1), (0, 2)),
    "3 by 3": ((2, 1, 9, 11), (3, 3), (3, 3), (0, 1)),
    "3, larger than the input": ((2, 3, 2, 1), (3, 3), (2, 2), (1, 1)),
    "3, one window": ((1, 2, 2, 2), (3, 3), (2, 2), (0, 0)),
    "oblong": ((2, 3, 7, 6), (2, 5), (1, 3), (1, 4)),
    "global": ((2, 3, 5, 7), (5, 7), (1, 1), (0, 0)),
    "global, three axes": ((2, 3, 2, 5, 7), (2, 5, 7), (1, 1, 1), (0, 0, 0)),
    "one window, less than the plane": ((2, 3, 5, 7), (4, 7), (2, 1), (0, 0)),
    "gaps": ((2, 3, 7, 10), (1, 2), (3, 4), (0, 0)),
    "no image": ((0, 3, 7, 6), (3, 3), (2, 2), (0, 0)),
    "one axis": ((2, 3, 40), (3,), (2,), (1,)),
    "one axis, halving": ((2, 3, 40), (2,), (2,), (0,)),
    "three axes": ((2, 3, 5, 7, 6), (2, 3, 3), (1, 2, 3), (0, 0, 0)),
    "three axes, padded": ((1, 2, 6, 5, 9), (3, 2, 4), (2, 2, 3), (1, 1, 2)),
    "four axes": ((1, 2, 3, 4, 5, 6), (2, 2, 2, 3), (1, 2, 2, 2), (0, 1, 0, 1)),
}
FLOOR = {"gaps", "one window, less than the plane"}
DTYPES = [np.float32, np.float64]


@pytest.fixture(params=GEOMETRIES)
def geometry(request):
    return _geometry(request.param)


def _geometry(name):
    shape, *sizes = GEOMETRIES[name]
    windows = tuple(
        ops.Window(*axis, ceil=name not in FLOOR, clip=any(sizes[2]))
        for axis in zip(shape[2:], *sizes, strict=True)
    )
    return shape, (*shape[:2], *(window.out for window in windows)), windows


@pytest.fixture(params=[name for name, (*_, pads) in GEOMETRIES.items() if not any(pads)])
def unpadded(request):
    return _geometry(request.param)


@pytest.mark.parametrize("dtype", DTYPES)
def test_max_pool(rng, geometry, dtype):
    shape, out, windows = geometry
    x = rng.integers(-3, 3, shape).astype(dtype)  # integers, so that maxima tie
    x[rng.random(shape) < 0.2] = np.nan
    x[rng.random(shape) < 0.2] = -np.inf
    x[rng.random(shape) < 0.05] = np.inf
    found, expected = ((np.full(out, 7, dtype), np.full(out, 7, np.int32)) for _ in range(2))
    ops.max_pool.compiled(x, *found, windows)
    ops.max_pool.reference(np, x, *expected, windows)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    for alone in (ops.max_pool.compiled, partial(ops.max_pool.reference, np)):
        found[0][...] = 7
        alone(x, found[0], None, windows)
        np.testing.assert_array_equal(found[0], expected[0])


def test_max_pool_writes_nothing_around_its_results(rng):
    """Vectors are wider than these rows."""
    windows = tuple(ops.Window(5, 3, 2, 1, True, True) for _ in range(2))
    y, index = np.full(100, 7, np.float32), np.full(100, -7, np.int32)
    inside = (a[40:49].reshape(1, 1, 3, 3) for a in (y, index))
    ops.max_pool.compiled(rng.standard_normal((1, 1, 5, 5)).astype(np.float32), *inside, windows)
    assert (np.delete(y, np.s_[40:49]) == 7).all()
    assert (np.delete(index, np.s_[40:49]) == -7).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_max_pool_grad(rng, geometry, dtype):
    shape, out, windows = geometry
    x = rng.integers(-3, 3, shape).astype(dtype)
    x[rng.random(shape) < 0.6] = np.nan
    index = np.empty(out, np.int32)
    ops.max_pool.reference(np, x, np.empty(out, dtype), index, windows)
    dy = rng.integers(-9, 9, out).astype(dtype)  # integers: the order of a sum does not matter
    found, expected = np.full(shape, 7, dtype), np.full(shape, 7, dtype)
    ops.max_pool_grad.compiled(dy, index, found, windows)
    ops.max_pool_grad.reference(np, dy, index, expected, windows)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_average_pool(rng, geometry, dtype):
    shape, out, windows = geometry
    x = rng.standard_normal(shape).astype(dtype)
    x[rng.random(shape) < 0.02] = np.nan
    x[rng.random(shape) < 0.02] = np.inf
    found, expected = np.full(out, 7, dtype), np.full(out, 7, dtype)
    ops.average_pool.compiled(x, found, windows)
    ops.average_pool.reference(np, x, expected, windows)
    np.testing.assert_allclose(found, expected, **_tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_average_pool_grad(rng, geometry, dtype):
    shape, out, windows = geometry
    dy = rng.standard_normal(out).astype(dtype)
    found, expected = np.full(shape, 7, dtype), np.full(shape, 7, dtype)
    ops.average_pool_grad.compiled(dy, found, windows)
    ops.average_pool_grad.reference(np, dy, expected, windows)
    np.testing.assert_allclose(found, expected, **_tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_stochastic_pool(rng, unpadded, dtype):
    shape, out, windows = unpadded
    x = rng.standard_normal(shape).astype(dtype)
    x[rng.random(shape) < 0.4] = 0
    x[rng.random(shape) < 0.02] = np.nan
    found, expected = ((np.full(out, 7, dtype), np.full(out, 7, np.int32)) for _ in range(2))
    key = int(rng.integers(2**64, dtype=np.uint64))
    ops.stochastic_pool.compiled(x, *found, windows, key)
    ops.stochastic_pool.reference(np, x, *expected, windows, key)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_stochastic_pool_draws_in_proportion():
    x = np.tile([0.0, 1, 0, 3, -5, 4], 20000).reshape(1, 2, -1)
    windows = (ops.Window(x.shape[2], 6, 6, 0, True, False),)
    y, index = np.empty((1, 2, 10000)), np.empty((1, 2, 10000), np.int32)
    ops.stochastic_pool.compiled(x, y, index, windows, 0x0123456789ABCDEF)
    for value, share in [(1, 1 / 8), (3, 3 / 8), (4, 4 / 8)]:
        assert abs((y == value).mean() - share) < 5 * np.sqrt(share * (1 - share) / y.size)
    assert set(y.reshape(-1)) == {1, 3, 4}
    np.testing.assert_array_equal(np.take_along_axis(x, index.astype(int), 2), y)


@pytest.mark.parametrize("body", ["compiled", "reference"])
def test_stochastic_pool_without_anything_positive(body):
    """The first element is taken, as in the original where all are 0."""
    x = np.array([[[[0, 0, -1, 0.0], [0, 0, 0, 0]]]])
    windows = tuple(ops.Window(size, 2, 2, 0, True, False) for size in (2, 4))
    y, index = np.full((1, 1, 1, 2), 7.0), np.full((1, 1, 1, 2), 7, np.int32)
    if body == "compiled":
        ops.stochastic_pool.compiled(x, y, index, windows, 5)
    else:
        ops.stochastic_pool.reference(np, x, y, index, windows, 5)
    assert y.tolist() == [[[[0, -1]]]]
    assert index.tolist() == [[[[0, 2]]]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_weighted_pool(rng, unpadded, dtype):
    shape, out, windows = unpadded
    x = rng.standard_normal(shape).astype(dtype)
    x[rng.random(shape) < 0.4] = 0
    found, expected = np.full(out, 7, dtype), np.full(out, 7, dtype)
    ops.weighted_pool.compiled(x, found, windows)
    ops.weighted_pool.reference(np, x, expected, windows)
    np.testing.assert_allclose(found, expected, **_tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_weighted_pool_grad(rng, unpadded, dtype):
    shape, out, windows = unpadded
    x, dy = rng.standard_normal(shape).astype(dtype), rng.standard_normal(out).astype(dtype)
    x[rng.random(shape) < 0.4] = 0
    found, expected = np.full(shape, 7, dtype), np.full(shape, 7, dtype)
    ops.weighted_pool_grad.compiled(x, dy, found, windows)
    ops.weighted_pool_grad.reference(np, x, dy, expected, windows)
    np.testing.assert_allclose(found, expected, rtol=3e-5, atol=1e-5)


def test_references_take_other_numbers_of_axes(rng):
    x = rng.permutation(2.0 * np.arange(2 * 3 * 5)).reshape(1, 2, 3, 5, 1)[..., 0]
    windows = (ops.Window(3, 2, 1, 0, True, False), ops.Window(5, 3, 2, 1, True, True))
    flat = np.empty((1, 2, 2, 3)), np.empty((1, 2, 2, 3), np.int32)
    deep = np.empty((1, 2, 2, 3, 1)), np.empty((1, 2, 2, 3, 1), np.int32)
    ops.max_pool.reference(np, x, *flat, windows)
    one = ops.Window(1, 1, 1, 0, True, True)
    ops.max_pool.reference(np, x[..., None], *deep, (*windows, one))
    np.testing.assert_array_equal(deep[0][..., 0], flat[0])
    np.testing.assert_array_equal(deep[1][..., 0], flat[1])


def _tolerance(dtype):
    return {"rtol": 3e-6, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-14}


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for name, (*_, pads) in GEOMETRIES.items():
        shape, out, windows = _geometry(name)
        tied = rng.integers(-3, 3, shape).astype(dtype)
        tied[rng.random(shape) < 0.2] = np.nan
        tied[rng.random(shape) < 0.2] = -np.inf
        x, dy = rng.standard_normal(shape).astype(dtype), rng.standard_normal(out).astype(dtype)
        y, dx, index = np.full(out, 7, dtype), np.full(shape, 7, dtype), np.full(out, 7, np.int32)
        yield Case(ops.max_pool, (tied, y, index, windows), name, rtol=0, atol=0)
        yield Case(ops.max_pool, (tied, y, None, windows), name, rtol=0, atol=0)
        yield Case(ops.average_pool, (x, y, windows), name)
        yield Case(ops.average_pool_grad, (dy, dx, windows), name)
        ops.max_pool.reference(np, tied, y.copy(), index, windows)
        yield Case(ops.max_pool_grad, (dy, index, dx, windows), name)
        if not any(pads):
            x[rng.random(shape) < 0.4] = 0
            for key in (2**63 + 12345, np.array(2**63 + 12345, np.uint64)):
                yield Case(ops.stochastic_pool, (x, y, index, windows, key), name)
            yield Case(ops.weighted_pool, (x, y, windows), name)
            yield Case(ops.weighted_pool_grad, (x, dy, dx, windows), name, rtol=3e-5, atol=1e-5)
