"""The update in one pass: the compiled body against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import update

SHAPES = [(1,), (3, 5), (70, 1009), (2, 65536)]  # below, around and above a task's share


def like(dtype):
    return 1e-12 if dtype is np.float64 else 1e-5


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("l2", "l1"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.2)])
def test_sgd(rng, shape, dtype, l2, l1):
    arrays = [rng.standard_normal(shape).astype(dtype) for _ in range(3)]
    arrays[0].reshape(-1)[0] = 0  # whose sign is 0
    mine, reference = [[a.copy() for a in arrays] for _ in range(2)]
    scalars = (0.5, l2, l1, 0.1, 0.9)
    update.sgd.compiled(*mine, *scalars)
    update.sgd.reference(np, *reference, *scalars)
    for found, expected, before in zip(mine, reference, arrays, strict=True):
        assert not np.array_equal(expected, before)
        np.testing.assert_allclose(found, expected, rtol=like(dtype), atol=like(dtype))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sum_of_squares(rng, shape, dtype):
    x = rng.standard_normal(shape).astype(dtype)
    expected = update.sum_of_squares.reference(np, x)
    assert update.sum_of_squares.compiled(x) == pytest.approx(expected, rel=1e-12)


def test_sum_of_squares_does_not_overflow():
    assert update.sum_of_squares.compiled(np.full(3, 1e30, np.float32)) == pytest.approx(3e60)


def test_sums_do_not_depend_on_the_number_of_threads(rng):
    import numba

    x = rng.standard_normal(1_000_003).astype(np.float32)
    most = numba.config.NUMBA_NUM_THREADS
    before = numba.get_num_threads()
    try:
        sums = []
        for count in {1, most}:
            numba.set_num_threads(count)
            sums.append(update.sum_of_squares.compiled(x))
    finally:
        numba.set_num_threads(before)
    assert len(set(sums)) == 1
