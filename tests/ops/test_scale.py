"""Each compiled body of ``ops.scale`` gives what its reference gives."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from minicaffe.ops import scale as ops
from minicaffe.ops.scale_cpu import PIECE
from tests.cuda_on_cpu import Case

SHAPES = [
    (3, 5, 7),
    (2, 3, 2 * PIECE + 17),  # pieces of a row
    (1, 1, PIECE + 1),
    (7, 5, 1),  # columns
    (PIECE + 3, 3, 1),  # blocks of rows
    (3, PIECE + 5, 1),  # blocks of columns
    (1, 2 * PIECE + 1, 1),
    (0, 3, 4),
    (2, 0, 1),
    (2, 3, 0),
]


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


def close(found, expected, scale=1.0):
    eps = np.finfo(found.dtype).eps
    np.testing.assert_allclose(found, expected, rtol=8 * eps, atol=8 * eps * scale)


def pick(flag, array):
    return array if flag else None


@pytest.mark.parametrize("in_place", [False, True])
def test_scale(rng, shape, dtype, in_place):
    x, s, b = (rng.standard_normal(size).astype(dtype) for size in (shape, shape[1], shape[1]))
    for has_s, has_b, keep in product([True, False], repeat=3):
        found = []
        for body in (ops.scale.compiled, lambda *args: ops.scale.reference(np, *args)):
            given = x.copy()
            y, kept = given if in_place else np.full(shape, 7, dtype), np.full(shape, 7, dtype)
            body(given, pick(has_s, s), pick(has_b, b), y, pick(keep, kept))
            found.append((y, kept))
        (y, kept), (expected, expected_kept) = found
        close(y, expected)
        np.testing.assert_array_equal(kept, expected_kept)


@pytest.mark.parametrize("in_place", [False, True])
def test_scale_grad(rng, shape, dtype, in_place):
    x, dy = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    s = rng.standard_normal(shape[1]).astype(dtype)
    for has_s, wants_dx, wants_ds, wants_db in product([True, False], repeat=4):
        found = []
        for body in (ops.scale_grad.compiled, lambda *args: ops.scale_grad.reference(np, *args)):
            given = dy.copy()
            dx = given if in_place else np.full(shape, 7, dtype)
            ds, db = np.full((2, shape[1]), 3, dtype)  # they are added to
            body(
                pick(wants_ds, x),
                pick(has_s, s),
                given,
                pick(wants_dx, dx),
                pick(wants_ds, ds),
                pick(wants_db, db),
            )
            found.append((dx, ds, db))
        terms = max(1.0, shape[0] * shape[2])
        for one, other, scale in zip(*found, (1, terms, terms), strict=True):
            close(one, other, scale)


@pytest.mark.parametrize("body", ["compiled", "reference"])
def test_infinity_and_nan_stay_in_their_row(body):
    x = np.ones((2, 3, 5), np.float32)
    x[0, 1, 2], x[1, 2, 0] = np.inf, np.nan
    s, b, y = np.full(3, 2, np.float32), np.ones(3, np.float32), np.zeros_like(x)
    run = ops.scale.compiled if body == "compiled" else lambda *a: ops.scale.reference(np, *a)
    run(x, s, b, y, None)
    expected = np.full((2, 3, 5), 3, np.float32)
    expected[0, 1, 2], expected[1, 2, 0] = np.inf, np.nan
    np.testing.assert_array_equal(y, expected)


def test_the_sums_are_the_same_with_any_number_of_threads(rng):
    import numba

    before = numba.get_num_threads()
    for shape in [(64, 5, 900), (5000, 6, 1), (2, 1, 60001)]:
        x, dy = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
        sums = []
        for threads in {1, before}:
            numba.set_num_threads(threads)
            ds, db = np.zeros((2, shape[1]), np.float32)
            ops.scale_grad.compiled(x, None, dy, None, ds, db)
            sums.append((ds.tobytes(), db.tobytes()))
        numba.set_num_threads(before)
        assert len(set(sums)) == 1


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    wide = {"rtol": 1e-4, "atol": 1e-4} if dtype == np.float32 else {"atol": 1e-10}
    for shape in [(41, 3, 7), (1, 1, 1), (6, 3, 1), (5, 2, 1651), (0, 3, 4), (2, 0, 1), (2, 3, 0)]:
        x, dy = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
        s, b = (rng.standard_normal(shape[1]).astype(dtype) for _ in range(2))
        for has_s, has_b, keep in product([True, False], repeat=3):
            args = pick(has_s, s), pick(has_b, b)
            y, kept = np.full_like(x, 7), pick(keep, np.full_like(x, 7))
            yield Case(ops.scale, (x, *args, y, kept), f"{shape}")
            yield Case(ops.scale, (x, *args, x, kept), f"{shape} in place")
            dx, ds, db = np.full_like(x, 7), np.ones(shape[1], dtype), np.full(shape[1], 2, dtype)
            args = x, pick(has_s, s), dy, dx, pick(has_b, ds), pick(keep, db)
            yield Case(ops.scale_grad, args, f"{shape}", **wide)
        yield Case(ops.scale_grad, (None, s, dy, dy, None, db), f"{shape} in place", **wide)
        yield Case(ops.scale_grad, (None, None, dy, dy, None, None), f"{shape} in place")
        yield Case(ops.scale_grad, (x, s, dy, None, ds, None), f"{shape}", **wide)
