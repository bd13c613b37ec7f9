"""``ops.maxout``: the compiled bodies against the references, with ties and NaN."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import maxout as ops
from tests.cuda_on_cpu import Case

SHAPES = [(2, 3, 5), (7, 2, 1), (1, 300, 2), (3, 1, 4), (0, 2, 3), (2, 3, 0)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_both_ways(rng, shape, dtype):
    x = rng.integers(-2, 2, shape).astype(dtype)
    x[rng.random(shape) < 0.1] = np.nan
    x[rng.random(shape) < 0.1] = -np.inf
    rows = shape[0], shape[2]
    dy = rng.standard_normal(rows).astype(dtype)
    results = []
    for which in range(2):
        forward, backward = (
            op.compiled if which == 0 else lambda *args, op=op: op.reference(np, *args)
            for op in (ops.maxout, ops.maxout_grad)
        )
        y, index = np.full(rows, 7, dtype), np.full(rows, 7, np.int32)
        forward(x, y, index)
        dx = np.full(shape, 7, dtype)
        backward(dy, index, dx)
        results.append((y, index, dx))
    for found, right in zip(*results, strict=True):
        np.testing.assert_array_equal(found, right)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for shape in SHAPES:
        x = rng.integers(-2, 2, shape).astype(dtype)
        for value in (np.nan, -np.inf):
            x[rng.random(shape) < 0.1] = value
        rows = shape[0], shape[2]
        y, index = np.full(rows, 7, dtype), np.full(rows, 7, np.int32)
        yield Case(ops.maxout, (x, y, index), f"{shape}")
        ops.maxout.reference(np, x, y, index)
        dy = rng.standard_normal(rows).astype(dtype)
        yield Case(ops.maxout_grad, (dy, index, np.full_like(x, 7)), f"{shape}")
