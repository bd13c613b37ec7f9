"""The compiled bodies of ``ops.coarse`` give what their references give."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import coarse as ops


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (2, 3, 5), (7, 147), (0, 3)])
def test_bodies_agree(rng, shape, dtype):
    x, dy = rng.uniform(-5, 5, (2, *shape)).astype(dtype)
    x[rng.random(shape) < 0.5] *= dtype(0.2)
    x[rng.random(shape) < 0.1] = np.nan
    x[rng.random(shape) < 0.1] = np.inf
    whole = rng.random(shape) < 0.3
    x[whole] = np.round(2 * x[whole]) / 2  # halves, 0 and 1 among them
    calls = [
        (ops.fixed_point, (0.25, 7.0), 2),
        (ops.fixed_point, (1.0, 3.0), 2),
        (ops.sign, (), 2),
        (ops.ramp, (0.7,), 1),
    ]
    for op, rest, outputs in calls:
        found, expected = np.full((2, *shape), 7, dtype)
        marks = np.full((2, *shape), 7, np.uint8)
        op.compiled(x, found, *marks[:1][: outputs - 1], *rest)
        op.reference(np, x, expected, *marks[1:][: outputs - 1], *rest)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        np.testing.assert_array_equal(*marks)
    ops.ramp_grad.compiled(expected, dy, found, 0.7)
    ops.ramp_grad.reference(np, expected, dy, marked := np.empty_like(x), 0.7)
    np.testing.assert_allclose(found, marked, rtol=1e-6)
