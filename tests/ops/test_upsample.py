"""Each body of ``ops.upsample`` gives what its reference gives, and that what loops give."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from minicaffe.ops import upsample as ops
from tests.cuda_on_cpu import Case

SHAPES = {"usual": (6, 35, 140), "few places": (3, 20, 7), "one": (1, 1, 1), "none": (0, 5, 20)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("body", ["compiled", "reference"])
def test_unpool(rng, name, dtype, body):
    planes, small, large = SHAPES[name]
    x = rng.standard_normal((planes, small)).astype(dtype)
    mask = rng.uniform(-0.9, large - 0.1, (planes, small)).astype(dtype)  # with ties
    dy = rng.standard_normal((planes, large)).astype(dtype)
    y, source, dx = np.full_like(dy, 7), np.full(dy.shape, 7, np.int32), np.full_like(x, 7)
    right = np.zeros_like(dy), np.zeros_like(x)
    last = np.full(dy.shape, -1)
    for p, i in np.ndindex(x.shape):
        right[0][p, int(mask[p, i])] = x[p, i]
        last[p, int(mask[p, i])] = i
    for p, i in np.ndindex(x.shape):
        if last[p, int(mask[p, i])] == i:
            right[1][p, i] = dy[p, int(mask[p, i])]
    if body == "compiled":
        bad = ops.unpool.compiled(x, mask, y, source)
        ops.unpool_grad.compiled(dy, mask, source, dx)
    else:
        bad = ops.unpool.reference(np, x, mask, y, source)
        ops.unpool_grad.reference(np, dy, mask, source, dx)
    assert bad == -1
    for found, expected in zip((y, dx, source), (*right, last), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("body", ["compiled", "reference"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_stays_in_its_place(body, value):
    x, mask = np.array([[value, 1.0]]), np.array([[2.0, 2.0]])  # the first does not stay
    y, source, dx = np.ones((1, 4)), np.zeros((1, 4), np.int32), np.ones((1, 2))
    if body == "compiled":
        ops.unpool.compiled(x, mask, y, source)
        ops.unpool_grad.compiled(np.array([[3.0, 3, value, 3]]), mask, source, dx)
    else:
        ops.unpool.reference(np, x, mask, y, source)
        ops.unpool_grad.reference(np, np.array([[3.0, 3, value, 3]]), mask, source, dx)
    np.testing.assert_array_equal(y, [[0, 0, 1, 0]])
    np.testing.assert_array_equal(dx, [[0, value]])


@pytest.mark.parametrize("body", ["compiled", "reference"])
@pytest.mark.parametrize("place", [(0, 0), (1, 2), (2, 4)])
@pytest.mark.parametrize("value", [20, -1, np.nan, np.inf, -np.inf])
def test_the_first_bad_place_is_found(place, value, body):
    x, mask = np.ones((3, 5)), np.full((3, 5), 19.0)
    mask[place[0] :, 4] = np.nan
    mask[place] = value
    rest = np.zeros((3, 20)), np.zeros((3, 20), np.int32)
    if body == "compiled":
        bad = ops.unpool.compiled(x, mask, *rest)
    else:
        bad = ops.unpool.reference(np, x, mask, *rest)
    assert bad == place[0] * 5 + place[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sides", [(2, 3), (1, 1), (5, 1)])
@pytest.mark.parametrize("shape", [(4, 3, 5), (1, 1, 1), (0, 2, 3)])
@pytest.mark.parametrize("body", ["compiled", "reference"])
def test_repeat(rng, shape, sides, dtype, body):
    x = rng.standard_normal(shape).astype(dtype)
    y = np.full((shape[0], shape[1] * sides[0], shape[2] * sides[1]), 7, dtype)
    dx = np.full_like(x, 7)
    if body == "compiled":
        ops.repeat.compiled(x, y)
        ops.repeat_grad.compiled(y, dx)
    else:
        ops.repeat.reference(np, x, y)
        ops.repeat_grad.reference(np, y, dx)
    np.testing.assert_array_equal(y, np.kron(x, np.ones(sides, dtype)).reshape(y.shape))
    np.testing.assert_allclose(dx, sides[0] * sides[1] * x, rtol=1e-6)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for planes, small, large in [*SHAPES.values(), (3, 700, 300)]:
        x = rng.standard_normal((planes, small)).astype(dtype)
        mask = rng.uniform(-0.9, large - 0.1, (planes, small)).astype(dtype)
        y, source = np.full((planes, large), 7, dtype), np.full((planes, large), 7, np.int32)
        name = f"{planes} {small} {large}"
        yield Case(ops.unpool, (x, mask, y, source), name, rtol=0, atol=0)
        ops.unpool.reference(np, x, mask, y, source)
        dy, dx = rng.standard_normal(y.shape).astype(dtype), np.full_like(x, 7)
        yield Case(ops.unpool_grad, (dy, mask, source, dx), name, rtol=0, atol=0)
    for place, value in [((1, 2), 20), ((0, 0), np.nan), ((2, 299), -1), ((2, 0), np.inf)]:
        mask = np.full((3, 300), 19, dtype)
        mask[place] = value
        mask[2, 299] = np.nan
        rest = np.zeros((3, 20), dtype), np.zeros((3, 20), np.int32)
        yield Case(ops.unpool, (np.ones_like(mask), mask, *rest), f"{place}", refused=True)
    for shape, sides in product([(4, 3, 5), (1, 1, 1), (0, 2, 3), (2, 3, 301)], [(2, 3), (5, 1)]):
        x, dx = rng.standard_normal((2, *shape)).astype(dtype)
        y = rng.standard_normal((shape[0], shape[1] * sides[0], shape[2] * sides[1])).astype(dtype)
        yield Case(ops.repeat, (x, y), f"{shape} {sides}", rtol=0, atol=0)
        yield Case(ops.repeat_grad, (y, dx), f"{shape} {sides}")
