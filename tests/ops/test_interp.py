"""The compiled bodies of ``ops.interp`` give what their references give."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import interp as ops
from tests.cuda_on_cpu import Case

SHAPES = [  # of x and of y
    ((2, 3, 9, 13), (21, 30)),
    ((1, 5, 60, 61), (17, 24)),
    ((3, 1, 1, 7), (5, 11)),
    ((2, 2, 7, 1), (1, 5)),
    ((0, 2, 3, 4), (5, 6)),
]


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-5), (np.float64, 1e-13)])
@pytest.mark.parametrize(("shape", "size"), SHAPES)
def test_bodies_agree(rng, shape, size, dtype, rtol):
    large = rng.standard_normal((shape[0], shape[1], shape[2] + 3, shape[3] + 2)).astype(dtype)
    x = large[:, :, 1:-2, 2:]  # a view, as where something is cut off
    dy = rng.standard_normal((*shape[:2], *size)).astype(dtype)
    found, expected = (np.full(dy.shape, 7, dtype) for _ in range(2))
    ops.interp.compiled(x, found)
    ops.interp.reference(np, x, expected)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)
    found, expected = (np.full_like(large, 7)[:, :, 1:-2, 2:] for _ in range(2))
    ops.interp_grad.compiled(dy, found)
    ops.interp_grad.reference(np, dy, expected)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=10 * rtol)


@pytest.mark.parametrize(("size", "out"), [(60, 473), (90, 713), (2, 7), (1, 3), (7, 1), (4, 4)])
def test_places_are_inside(size, out):
    before, share = ops.places(np, size, out, np.float32)
    assert before.min() == 0
    assert before.max() <= max(size - 2, 0)
    at = before + share
    assert (np.diff(at) > 0).all() or size == 1
    if out > 1:
        assert at[-1] == size - 1


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-12}
    same, large = ((2, 1, 3, 4), (3, 4)), ((5, 1, 2, 3), (300, 301))
    for shape, size in [*SHAPES, same, large, ((1, 2, 1, 1), (6, 7))]:
        x = rng.standard_normal(shape).astype(dtype)
        y, dy = (rng.standard_normal((*shape[:2], *size)).astype(dtype) for _ in range(2))
        yield Case(ops.interp, (x, y), f"{shape} {size}", **close)
        yield Case(ops.interp_grad, (dy, x), f"{shape} {size}", **close)
