"""The compiled body of ``ops.argmax`` gives what its reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops.argmax import top_k

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
