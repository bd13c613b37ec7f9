"""The compiled body of ``ops.argmax`` gives what its reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops.argmax import top_k
from tests.cuda_on_cpu import Case

SHAPES = [(3, 1, 1), (5, 37, 1), (70, 1001, 1), (2, 5, 7), (2, 3, 257), (3, 21, 1300), (0, 3, 4)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_top_k(rng, shape, k, dtype):
    x = rng.integers(-3, 4, shape).astype(dtype)  # many ties
    x[rng.random(shape) < 0.1] = np.nan
    x[rng.random(shape) < 0.1] = -np.inf
    outputs = (shape[0], min(k, shape[1]), shape[2])
    found, expected = ([np.full(outputs, 9, dtype) for _ in range(2)] for _ in range(2))
    top_k.compiled(x, *found)
    top_k.reference(np, x, *expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for outer, size, inner in [(1, 1, 1), (3, 5, 2), (2, 700, 3), (0, 3, 2)]:
        x = rng.integers(-3, 3, (outer, size, inner)).astype(dtype)  # many tie
        x[rng.random(x.shape) < 0.1] = -np.inf
        for k in {1, min(size, 5), min(size, 40)}:
            index, value = (np.full((outer, k, inner), 7, dtype) for _ in range(2))
            yield Case(top_k, (x, index, value), f"{x.shape} {k}")
        if outer:
            strange = x.copy()
            strange[rng.random(x.shape) < 0.1] = np.nan
            index, value = (np.full((outer, 1, inner), 7, dtype) for _ in range(2))
            yield Case(top_k, (strange, index, value), f"{x.shape} NaN")
