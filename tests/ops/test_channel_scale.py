"""``ops.channel_scale``: the compiled bodies against the references."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import channel_scale as ops
from tests.cuda_on_cpu import Case

SHAPES = [(2, 3, 5), (3, 7, 1), (2, 3, 600), (1, 2, 257), (0, 2, 3), (2, 0, 3), (2, 3, 0)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_both_ways(rng, shape, dtype):
    factors = shape[0], shape[2]
    a = rng.standard_normal(factors).astype(dtype)
    x, dy = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    found, right = (np.full(shape, 7, dtype) for _ in range(2))
    ops.channel_scale.compiled(x, a, found)
    ops.channel_scale.reference(np, x, a, right)
    np.testing.assert_allclose(found, right, rtol, rtol)
    grad = ops.channel_scale_grad
    for want_x, want_a in [(True, True), (True, False), (False, True)]:
        grads = []
        for body in (grad.compiled, lambda *args: grad.reference(np, *args)):
            dx, da = np.full(shape, 7, dtype), np.full(factors, 7, dtype)
            body(x, a, dy, dx if want_x else None, da if want_a else None)
            grads.append((dx, da))
        for mine, other in zip(*grads, strict=True):
            np.testing.assert_allclose(mine, other, rtol, rtol)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for shape in [*SHAPES, (3, 200, 2)]:
        factors = shape[0], shape[2]
        a = rng.standard_normal(factors).astype(dtype)
        x, y, dy = (rng.standard_normal(shape).astype(dtype) for _ in range(3))
        yield Case(ops.channel_scale, (x, a, y), f"{shape}")
        da = np.full(factors, 7, dtype)
        for wanted in [(y, da), (y, None), (None, da)]:
            yield Case(ops.channel_scale_grad, (x, a, dy, *wanted), f"{shape}")
