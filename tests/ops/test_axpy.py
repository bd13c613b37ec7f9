"""``ops.axpy``: the compiled bodies against the references."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import axpy as ops
from tests.cuda_on_cpu import Case


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7, 5), (3, 1), (1, 1000), (0, 4), (3, 0)])
def test_both_ways(rng, shape, dtype):
    a = rng.standard_normal(shape[0]).astype(dtype)
    x, y, dz = (rng.standard_normal(shape).astype(dtype) for _ in range(3))
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    found, right = (np.full(shape, 7, dtype) for _ in range(2))
    ops.axpy.compiled(a, x, y, found)
    ops.axpy.reference(np, a, x, y, right)
    np.testing.assert_allclose(found, right, rtol, rtol)
    for want_a, want_x in [(True, True), (True, False), (False, True)]:
        grads = []
        for body in (ops.axpy_grad.compiled, lambda *args: ops.axpy_grad.reference(np, *args)):
            da, dx = np.full(a.shape, 7, dtype), np.full(shape, 7, dtype)
            body(a, x, dz, da if want_a else None, dx if want_x else None)
            grads.append((da, dx))
        for mine, other in zip(*grads, strict=True):
            np.testing.assert_allclose(mine, other, rtol, rtol)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    close = dict.fromkeys(("rtol", "atol"), 1e-5) if dtype == np.float32 else {"rtol": 1e-11}
    for shape in [(7, 5), (3, 1), (1, 1000), (2, 9001), (0, 4), (3, 0)]:
        a = rng.standard_normal(shape[0]).astype(dtype)
        x, y, z, dx = (rng.standard_normal(shape).astype(dtype) for _ in range(4))
        yield Case(ops.axpy, (a, x, y, z), f"{shape}")
        da = np.full(shape[0], 7, dtype)
        for wanted in [(da, dx), (da, None), (None, dx)]:
            yield Case(ops.axpy_grad, (a, x, y, *wanted), f"{shape}", **close)
