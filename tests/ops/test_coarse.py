"""The compiled bodies of ``ops.coarse`` give what their references give."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import coarse as ops
from tests.cuda_on_cpu import Case


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


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for shape in [(1,), (2, 3, 5), (7, 147), (0, 3)]:
        x, dy, y = rng.uniform(-5, 5, (3, *shape)).astype(dtype)
        x[rng.random(shape) < 0.5] *= dtype(0.2)
        for value in (np.nan, np.inf):
            x[rng.random(shape) < 0.1] = value
        whole = rng.random(shape) < 0.3
        x[whole] = np.round(2 * x[whole]) / 2  # halves, 0 and 1 among them
        inside, name = np.full(shape, 7, np.uint8), f"{shape}"
        for step, most in [(0.25, 7.0), (1.0, 3.0)]:
            yield Case(ops.fixed_point, (x, y, inside, step, most), name, rtol=0, atol=0)
        yield Case(ops.fixed_point, (x, x, inside, 0.25, 7.0), f"{name} in place", rtol=0, atol=0)
        yield Case(ops.sign, (x, y, inside), name, rtol=0, atol=0)
        for width in (0.7, np.array(0.3, dtype)):
            yield Case(ops.ramp, (x, y, width), name)
            yield Case(ops.ramp_grad, (np.clip(x, 0, 1), dy, y, width), name)
            yield Case(ops.ramp_grad, (np.clip(x, 0, 1), dy, dy, width), f"{name} in place")
