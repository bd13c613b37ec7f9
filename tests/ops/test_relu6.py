"""The compiled bodies of ``ops.relu6`` give what their references give."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import relu6 as ops
from tests.cuda_on_cpu import Case


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (2, 3, 5), (7, 147), (0, 3)])
def test_bodies_agree(rng, shape, dtype):
    x, dy = rng.uniform(-5, 11, (2, *shape)).astype(dtype)
    x[rng.random(shape) < 0.1] = np.nan
    x[rng.random(shape) < 0.1] = 6
    found, expected = (np.full(shape, 7, dtype) for _ in range(2))
    ops.relu6.compiled(x, found)
    ops.relu6.reference(np, x, expected)
    np.testing.assert_array_equal(found, expected)
    ops.relu6_grad.compiled(x, dy, found)
    ops.relu6_grad.reference(np, x, dy, expected)
    np.testing.assert_array_equal(found, expected)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for shape in [(1,), (5, 7, 11), (1025,)]:
        x, dy = rng.uniform(-5, 11, (2, *shape)).astype(dtype)
        x.reshape(-1)[::5] = np.nan
        x.reshape(-1)[1::7] = 6
        out = np.full(shape, 7, dtype)
        yield Case(ops.relu6, (x, out), f"{shape}", rtol=0, atol=0)
        yield Case(ops.relu6, (x, x), f"{shape} in place", rtol=0, atol=0)
        yield Case(ops.relu6_grad, (x, dy, out), f"{shape}", rtol=0, atol=0)
        yield Case(ops.relu6_grad, (x, dy, dy), f"{shape} in place", rtol=0, atol=0)
