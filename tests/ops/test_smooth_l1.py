"""Both bodies of ``ops.smooth_l1`` give what loops give."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import smooth_l1 as ops
from minicaffe.ops.smooth_l1_cpu import TASK
from tests.cuda_on_cpu import Case

SIZES = [0, 1, 7, TASK, 2 * TASK + 5]


def arrays(rng, size, dtype, weights):
    """x, y, inside, outside; a quarter of the differences are at a kink."""
    x, y = rng.standard_normal((2, size)).astype(dtype)
    y[::4] = x[::4] + rng.choice([-0.25, 0, 0.25], y[::4].size).astype(dtype)
    inside, outside = rng.uniform(-1, 2, (2, size)).astype(dtype)
    inside[::3] = 1
    return x, y, inside if weights > 0 else None, outside if weights > 1 else None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weights", [0, 1, 2])
def test_bodies_give_what_loops_give(rng, size, dtype, weights):
    x, y, inside, outside = arrays(rng, size, dtype, weights)
    loss, slope = by_loops(x, y, inside, outside, 2.0)
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    for xp, smooth_l1, grad in (
        ((), ops.smooth_l1.compiled, ops.smooth_l1_grad.compiled),
        ((np,), ops.smooth_l1.reference, ops.smooth_l1_grad.reference),
    ):
        total, dx = np.full(1, np.nan), np.full(size, np.nan, dtype)
        smooth_l1(*xp, x, y, inside, outside, 2.0, total)
        grad(*xp, x, y, inside, outside, 2.0, np.asarray(0.5, dtype), dx)
        np.testing.assert_allclose(total[0], loss, rtol=rtol)
        np.testing.assert_allclose(dx, 0.5 * slope, rtol=rtol, atol=rtol)


def by_loops(x, y, inside, outside, sigma):
    loss, slope = 0.0, np.zeros(x.size)
    for k in range(x.size):
        i = 1.0 if inside is None else float(inside[k])
        o = 1.0 if outside is None else float(outside[k])
        d = i * (float(x[k]) - float(y[k]))
        if abs(d) < 1 / sigma**2:
            loss += o * (sigma * d) ** 2 / 2
            slope[k] = o * i * sigma**2 * d
        else:
            loss += o * (abs(d) - 0.5 / sigma**2)
            slope[k] = o * i * (1 if d > 0 else -1)
    return loss, slope


def test_what_is_no_number_stays():
    x = np.array([0.0, np.nan, 3.0])
    total, dx = np.zeros(1), np.zeros(3)
    ops.smooth_l1.compiled(x, np.zeros(3), None, None, 1.0, total)
    ops.smooth_l1_grad.compiled(x, np.zeros(3), None, None, 1.0, 1.0, dx)
    assert np.isnan(total[0])
    np.testing.assert_array_equal(dx, [0, np.nan, 1])


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for size in (0, 1, 7, 2049, 20011):
        for weights in range(3):
            given = *arrays(rng, size, dtype, weights), 2.0
            name = f"{size} {weights}"
            yield Case(ops.smooth_l1, (*given, np.full(1, 7.0)), name)
            for factor in (0.7, np.array(0.3, dtype)):
                dx = np.full(size, 7, dtype)
                yield Case(ops.smooth_l1_grad, (*given, factor, dx), name)
    x, zero = np.array([0, np.nan, 3, -3], dtype), np.zeros(4, dtype)
    args = x, zero, None, None, 1.0
    yield Case(ops.smooth_l1_grad, (*args, 1.0, np.full_like(x, 7)), "no number")
