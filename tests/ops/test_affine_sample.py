"""``ops.affine_sample``: the compiled bodies against the references, inside, outside, on pixels."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from minicaffe.ops import affine_sample as ops
from tests.cuda_on_cpu import Case

MAPS = {
    "turned": [0.71, -0.43, 1.37, 0.53, 0.91, -0.67],
    "larger": [0.31, 0, 0.2, 0, 0.43, 0.1],
    "smaller, and outside": [1.7, 0.3, -2.2, -0.3, 2.1, -1.4],
    "far outside": [1, 0, 90, 0, 1, -90],
    "on pixels": [1, 0, -1, 0, -1, 3],
    "one point": [0, 0, 1.25, 0, 0, 0.5],
}
SHAPES = [
    ((2, 3, 5, 4), (6, 7)),
    ((1, 2, 1, 6), (3, 2)),
    ((3, 1, 4, 5), (1, 1)),
    ((0, 2, 3, 4), (2, 5)),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "out"), SHAPES, ids=str)
@pytest.mark.parametrize("name", MAPS)
def test_both_ways(rng, name, shape, out, dtype):
    u = rng.standard_normal(shape).astype(dtype)
    dv = rng.standard_normal((*shape[:2], *out)).astype(dtype)
    p = np.array([MAPS[name]] * shape[0], float).reshape(-1, 6)
    p[1:] += rng.uniform(-0.1, 0.1, p[1:].shape)
    limit = dict.fromkeys(("rtol", "atol"), 1e-5 if dtype == np.float32 else 1e-11)
    results = []
    for which in range(2):
        forward, backward = (
            op.compiled if which == 0 else lambda *args, op=op: op.reference(np, *args)
            for op in (ops.affine_sample, ops.affine_sample_grad)
        )
        v, du, dp = np.full(dv.shape, 7, dtype), np.full(shape, 7, dtype), np.full(p.shape, 7.0)
        forward(u, p, v)
        backward(u, p, dv, du, dp)
        results.append((v, du, dp))
        alone = np.full(shape, 7, dtype), np.full(p.shape, 7.0)
        backward(u, p, dv, alone[0], None)
        backward(u, p, dv, None, alone[1])
        for found, right in zip(alone, (du, dp), strict=True):
            np.testing.assert_array_equal(found, right)
    for found, right in zip(*results, strict=True):
        np.testing.assert_allclose(found, right, **limit)


@pytest.mark.parametrize("which", [0, 1])
def test_a_position_that_is_no_number(which):
    u, v = np.ones((1, 2, 3, 4)), np.zeros((1, 2, 2, 2))
    args = u, np.array([[np.nan, 0, 0, 0, 1, 0]]), v
    if which:
        ops.affine_sample.reference(np, *args)
    else:
        ops.affine_sample.compiled(*args)
    assert np.isnan(v).all()


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-11}
    for name, shape in product(MAPS, [*SHAPES, ((2, 5, 6, 4), (33, 35))]):
        sizes, out = shape
        u, du = (rng.standard_normal(sizes).astype(dtype) for _ in range(2))
        v, dv = (rng.standard_normal((*sizes[:2], *out)).astype(dtype) for _ in range(2))
        p = np.array([MAPS[name]] * sizes[0], float).reshape(-1, 6)
        p[1:] += rng.uniform(-0.1, 0.1, p[1:].shape)
        yield Case(ops.affine_sample, (u, p, v), f"{name} {shape}", **close)
        for wanted in [(du, np.full(p.shape, 7.0)), (du, None), (None, np.full(p.shape, 7.0))]:
            yield Case(ops.affine_sample_grad, (u, p, dv, *wanted), f"{name} {shape}", **close)
    u, v = np.ones((1, 2, 3, 4), dtype), np.zeros((1, 2, 2, 2), dtype)
    yield Case(ops.affine_sample, (u, np.array([[np.nan, 0, 0, 0, 1, 9]]), v), "NaN")
