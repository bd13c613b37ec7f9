"""Each compiled body of ``ops.prelu`` gives what its reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import prelu as ops
from tests.cuda_on_cpu import Case


@pytest.mark.parametrize("shape", [(2, 3, 1), (3, 5, 7), (5, 2, 33), (1, 7, 40), (0, 2, 3)])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_prelu(rng, shape, dtype, shared, special):
    x, dy = rng.standard_normal((2, *shape)).astype(dtype)
    if special:
        few = x.reshape(-1)[:6]
        few[...] = [np.nan, np.inf, -np.inf, 0.0, -0.0, -1e30][: few.size]
    slopes = rng.standard_normal(1 if shared else shape[1]).astype(dtype)
    rtol = 1e-6 if dtype == np.float32 else 1e-13
    for op, last in ((ops.prelu, []), (ops.prelu_grad, [dy])):
        expected, found = np.full(shape, 7, dtype), np.full(shape, 7, dtype)
        with np.errstate(invalid="ignore"):
            op.reference(np, x, slopes, *last, expected)
        op.compiled(x, slopes, *last, found)
        np.testing.assert_allclose(found, expected, rtol=rtol)
    expected, found = np.ones_like(slopes), np.ones_like(slopes)
    with np.errstate(invalid="ignore"):
        ops.prelu_slopes_grad.reference(np, x, dy, expected)
    ops.prelu_slopes_grad.compiled(x, dy, found)
    np.testing.assert_allclose(found, expected, rtol=3 * rtol, atol=30 * rtol)


@pytest.mark.parametrize("shape", [(301, 5, 3), (7, 6, 2000)])
def test_slopes_gradient_is_the_same_each_time(rng, shape):
    x, dy = rng.standard_normal((2, *shape)).astype(np.float32)
    runs = np.zeros((5, shape[1]), np.float32)
    for run in runs:
        ops.prelu_slopes_grad.compiled(x, dy, run)
    assert (runs == runs[0]).all()
    exact = (dy.astype(float) * x * (x <= 0)).sum((0, 2))
    np.testing.assert_allclose(runs[0], exact, rtol=1e-5, atol=1e-3)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    wide = {"rtol": 1e-4, "atol": 1e-4} if dtype == np.float32 else {"atol": 1e-10}
    for shape in [(41, 3, 7), (1, 1, 1), (6, 3, 1), (5, 2, 1651)]:
        x, dy = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
        x[0, 0, 0] = 0
        for count in {1, shape[1]}:
            slopes, y = rng.standard_normal(count).astype(dtype), np.full_like(x, 7)
            name = f"{shape} {count}"
            yield Case(ops.prelu, (x, slopes, y), name)
            yield Case(ops.prelu, (x, slopes, x), f"{name} in place")
            yield Case(ops.prelu_grad, (x, slopes, dy, y), name)
            yield Case(ops.prelu_grad, (x, slopes, dy, dy), f"{name} in place")
            yield Case(ops.prelu_slopes_grad, (x, dy, slopes), name, **wide)
