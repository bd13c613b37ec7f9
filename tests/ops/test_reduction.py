"""Each compiled body of ``ops.reduction`` gives what its reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import reduction as ops
from minicaffe.ops.reduction_cpu import PIECE
from tests.cuda_on_cpu import Case

SHAPES = [(3, 5), (1, 2 * PIECE + 3), (300, 70), (7, 1), (0, 4), (3, 0)]
KINDS = [ops.SUM, ops.ASUM, ops.SUMSQ]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_both_ways(rng, shape, dtype, kind):
    x, dy = rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape[0]).astype(dtype)
    x.reshape(-1)[::3] = 0
    eps = np.finfo(dtype).eps
    y, dx = np.full((2, shape[0]), 7, dtype), np.full((2, *shape), 7, dtype)
    ops.reduce_rows.compiled(x, kind, -1.5, y[0])
    ops.reduce_rows.reference(np, x, kind, -1.5, y[1])
    np.testing.assert_allclose(y[0], y[1], rtol=32 * eps, atol=32 * eps * shape[1])
    ops.reduce_rows_grad.compiled(x, kind, -1.5, dy, dx[0])
    ops.reduce_rows_grad.reference(np, x, kind, -1.5, dy, dx[1])
    np.testing.assert_allclose(dx[0], dx[1], rtol=8 * eps)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compiled", [True, False])
def test_nan_stays_in_its_row(kind, compiled):
    x = np.array([[1, np.nan, 2], [1, -2, 2], [np.inf, 1, 1]], np.float32)
    y, dx = np.zeros(3, np.float32), np.zeros((3, 3), np.float32)
    if compiled:
        ops.reduce_rows.compiled(x, kind, 1.0, y)
        ops.reduce_rows_grad.compiled(x, kind, 1.0, np.ones(3, np.float32), dx)
    else:
        ops.reduce_rows.reference(np, x, kind, 1.0, y)
        ops.reduce_rows_grad.reference(np, x, kind, 1.0, np.ones(3, np.float32), dx)
    np.testing.assert_array_equal(y, [np.nan, {0: 1, 1: 5, 2: 9}[kind], np.inf])
    assert {0: [1, 1, 1], 1: [1, 0, 1], 2: [2, np.nan, 4]}[kind] == pytest.approx(
        dx[0].tolist(), nan_ok=True
    )


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    wide = {"rtol": 1e-4, "atol": 1e-3} if dtype == np.float32 else {"rtol": 1e-10}
    for shape in [(3, 5), (1, 1), (2, 300), (3, 8209), (0, 4), (3, 0)]:
        x, dx = rng.standard_normal(shape).astype(dtype), np.full(shape, 7, dtype)
        x[:, ::3] = 0
        y, dy = np.full(shape[0], 7, dtype), rng.standard_normal(shape[0]).astype(dtype)
        for kind in (ops.SUM, ops.ASUM, ops.SUMSQ):
            yield Case(ops.reduce_rows, (x, kind, -0.7, y), f"{shape} {kind}", **wide)
            yield Case(ops.reduce_rows_grad, (x, kind, -0.7, dy, dx), f"{shape} {kind}")
