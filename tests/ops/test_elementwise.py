"""Each compiled body of ``ops.elementwise`` gives what its reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import elementwise as ops
from tests.cuda_on_cpu import Case

SHAPES = [(1,), (3, 7), (2, 3, 5, 11), (40000,), (0, 3)]
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 1e-30, 9.0, -9.1, 88.0, -104.0]


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


def make(rng, shape, dtype):
    x = (rng.standard_normal(shape) * 3).astype(dtype)
    flat = x.reshape(-1)[: len(SPECIAL)]
    flat[...] = SPECIAL[: flat.size]
    return x


def check(op, inputs, *scalars, rtol=1e-6, atol=0.0):
    """Out of place, and with the last input as the output."""
    expected = np.full_like(inputs[-1], 7)
    with np.errstate(invalid="ignore"):
        op.reference(np, *inputs, expected, *scalars)
    found = np.full_like(inputs[-1], 7)
    op.compiled(*inputs, found, *scalars)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)
    found[...] = inputs[-1]
    op.compiled(*inputs[:-1], found, found, *scalars)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("slope", [0.0, 0.1, -2.0])
def test_relu(rng, shape, dtype, slope):
    x, dy = make(rng, shape, dtype), rng.standard_normal(shape).astype(dtype)
    check(ops.relu, [x], slope)
    check(ops.relu_grad, [x, dy], slope)


def test_sigmoid(rng, shape, dtype):
    x, dy = make(rng, shape, dtype), rng.standard_normal(shape).astype(dtype)
    y = rng.random(shape).astype(dtype)
    check(ops.sigmoid, [x], atol=2e-7 if dtype == np.float32 else 1e-15)
    check(ops.sigmoid_grad, [y, dy])


def test_tanh(rng, shape, dtype):
    x, dy = make(rng, shape, dtype), rng.standard_normal(shape).astype(dtype)
    y = rng.uniform(-1, 1, shape).astype(dtype)
    check(ops.tanh, [x])
    check(ops.tanh_grad, [y, dy], atol=1e-6 if dtype == np.float32 else 1e-15)


def test_tanh_to_float32_everywhere():
    small = np.logspace(-38, 0, 20001)
    x = np.concatenate([small, np.linspace(1, 12, 20001)]).astype(np.float32)
    y, mirrored = np.empty_like(x), np.empty_like(x)
    ops.tanh.compiled(x, y)
    ops.tanh.compiled(-x, mirrored)
    np.testing.assert_allclose(y, np.tanh(x.astype(np.float64)), rtol=4e-7)
    np.testing.assert_array_equal(mirrored, -y)
    assert y.max() == 1


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    edges = np.array([0, -0.0, np.nan, np.inf, -np.inf, 100, -100, 1e-30], dtype)
    for count in (1, 1023, 2 * 1024 + 5):
        x, dy = rng.standard_normal((2, count)).astype(dtype)
        x[: len(edges)] = edges[:count]
        y = np.full_like(x, 7)
        finite = np.where(np.isfinite(x), x, 3)
        for slope in (0.0, 0.25, -0.5):
            yield Case(ops.relu, (finite, y, slope), f"{count}")
            yield Case(ops.relu_grad, (x, dy, y, slope), f"{count}")
            yield Case(ops.relu_grad, (x, dy, dy, slope), f"{count} in place")
        yield Case(ops.relu, (x, x, 0.25), f"{count} in place")
        yield Case(ops.sigmoid, (x, y), f"{count}")
        yield Case(ops.tanh, (x, x), f"{count} in place")
        yield Case(ops.sigmoid_grad, (finite, dy, y), f"{count}")
        yield Case(ops.tanh_grad, (finite, dy, dy), f"{count} in place")
    yield Case(ops.relu, (np.empty((0, 3), dtype), np.empty((0, 3), dtype), 0.0), "none")
