"""Each compiled body of ``ops.neuron`` gives what its reference gives."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import neuron as ops
from tests.cuda_on_cpu import Case

SHAPES = [(1,), (3, 7), (2, 3, 5, 11), (40000,), (0, 3)]
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 1e-30, 1.0, -9.1, 88.0, -104.0, -0.5]


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
    with np.errstate(all="ignore"):
        op.reference(np, *inputs, expected, *scalars)
    found = np.full_like(inputs[-1], 7)
    op.compiled(*inputs, found, *scalars)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)
    found[...] = inputs[-1]
    op.compiled(*inputs[:-1], found, found, *scalars)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def check_both(op, grad, rng, shape, dtype, *scalars, **tolerances):
    x, dy = make(rng, shape, dtype), rng.standard_normal(shape).astype(dtype)
    check(op, [x], *scalars, **tolerances)
    check(grad, [x, dy], *scalars, **tolerances)


def test_bnll(rng, shape, dtype):
    # where exp is subnormal NumPy rounds otherwise
    check_both(ops.bnll, ops.bnll_grad, rng, shape, dtype, atol=1e-37)


@pytest.mark.parametrize(("low", "high"), [(-0.5, 0.7), (0.0, 0.0), (-np.inf, 6.0)])
def test_clip(rng, shape, dtype, low, high):
    check_both(ops.clip, ops.clip_grad, rng, shape, dtype, low, high)


@pytest.mark.parametrize("alpha", [1.0, 0.0, -0.25])
def test_elu(rng, shape, dtype, alpha):
    check_both(ops.elu, ops.elu_grad, rng, shape, dtype, alpha, atol=1e-7)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (-0.3, 1.5)])
def test_exponential(rng, shape, dtype, scale, shift):
    # the argument's last place is worth more the larger it is
    tolerances = {"rtol": 2e-5, "atol": 1e-37} if dtype == np.float32 else {"rtol": 1e-12}
    check_both(ops.exponential, ops.exponential_grad, rng, shape, dtype, scale, shift, **tolerances)


@pytest.mark.parametrize(
    ("scale", "shift", "factor"), [(1.0, 0.0, 1.0), (-0.5, 2.0, 1.44), (0.0, 0.0, 2.0)]
)
def test_logarithm(rng, shape, dtype, scale, shift, factor):
    tolerances = {"atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-12}
    op, grad = ops.logarithm, ops.logarithm_grad
    check_both(op, grad, rng, shape, dtype, scale, shift, factor, **tolerances)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, 4.0, -1.0, -2.0, 0.3, -0.75, 1.3])
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (-0.5, 2.0)])
def test_power(rng, shape, dtype, exponent, scale, shift):
    x, dy = make(rng, shape, dtype), rng.standard_normal(shape).astype(dtype)
    x[np.isinf(x) | (abs(x) > 1e20)] = 1  # how a fraction of infinity comes out is open
    x[(x == 0) & np.signbit(x)] = 0  # and so is the sign of an infinity
    tolerances = {"rtol": 2e-5, "atol": 1e-37} if dtype == np.float32 else {"rtol": 1e-11}
    check(ops.power, [x], exponent, scale, shift, **tolerances)
    check(ops.power_grad, [x, dy], exponent, scale, shift, **tolerances)


@pytest.mark.parametrize("beta", [1.0, 1.7, 0.0, -0.5])
def test_swish(rng, shape, dtype, beta):
    check_both(ops.swish, ops.swish_grad, rng, shape, dtype, beta, rtol=2e-6, atol=1e-6)


def test_tails_keep_their_digits():
    x = np.array([-60, -30, -17], np.float32)
    y = np.empty_like(x)
    ops.bnll.compiled(x, y)
    np.testing.assert_allclose(y, np.exp(x.astype(float)), rtol=1e-6)
    ops.bnll_grad.compiled(x, np.ones_like(x), y)
    np.testing.assert_allclose(y, np.exp(x.astype(float)), rtol=1e-6)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    x, dy = (rng.standard_normal((3, 5, 71)).astype(dtype) * 3 for _ in range(2))
    x[0, 0, :6] = [0, np.nan, 30, -30, 1.5, -1.5]  # the ends of clip too
    y = np.full_like(x, 7)
    above = np.abs(x) + dtype(0.5)
    rounded = {"rtol": 3e-5, "atol": 3e-5} if dtype == np.float32 else {"rtol": 1e-11}
    for name, *numbers in [
        ("bnll",),
        ("clip", -1.5, 1.5),
        ("elu", 0.7),
        ("exponential", 0.3, -0.5),
        ("swish", 1.3),
    ]:
        yield Case(getattr(ops, name), (x, y, *numbers), name, **rounded)
        yield Case(getattr(ops, name), (x, x, *numbers), f"{name} in place", **rounded)
        yield Case(getattr(ops, f"{name}_grad"), (x, dy, y, *numbers), name, **rounded)
        yield Case(getattr(ops, f"{name}_grad"), (x, dy, dy, *numbers), name, **rounded)
    yield Case(ops.logarithm, (above, y, 0.3, 0.2, 1.4), **rounded)
    yield Case(ops.logarithm_grad, (above, dy, y, 0.3, 0.2, 1.4), **rounded)
    whole = np.round(x)
    for exponent in (0.0, 1.0, 2.0, 3.0):
        yield Case(ops.power, (whole, y, exponent, -0.5, 0.25), f"{exponent}", **rounded)
        yield Case(ops.power_grad, (whole, dy, y, exponent, -0.5, 0.25), f"{exponent}", **rounded)
    yield Case(ops.power, (above, y, 0.37, 0.5, 0.25), **rounded)
    yield Case(ops.power_grad, (above, dy, y, -1.5, 0.5, 0.25), **rounded)
