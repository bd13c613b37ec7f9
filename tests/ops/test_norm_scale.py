"""Each compiled body of ``ops.norm_scale`` gives what its reference does, and that the layers'."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops import batch_norm, elementwise
from minicaffe.ops import norm_scale as ops
from minicaffe.ops import scale as scales
from tests.cuda_on_cpu import Case

# (N, C, S): elements side by side many, few, one; one image, one channel
SHAPES = [(3, 5, 49), (2, 3, 1030), (5, 300, 1), (4, 67, 5), (1, 7, 60), (1, 9, 2), (6, 1, 130)]
EPS = 0.25


@pytest.fixture(params=SHAPES, ids=str)
def shape(request):
    return request.param


def tolerance(dtype):
    return {"rtol": 3e-5, "atol": 3e-5} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-10}


def given(rng, shape, dtype):
    """x with an offset, dy, and each channel's factor and offset; some factors negative."""
    x = (rng.standard_normal(shape) * 3 + 5).astype(dtype)
    dy = rng.standard_normal(shape).astype(dtype)
    factor, offset = (rng.standard_normal(shape[1]).astype(dtype) for _ in range(2))
    return x, dy, factor, offset


def forward(body, x, factor, offset, relu):
    y = np.full_like(x, 7)
    moments = [np.full(x.shape[1], 7, x.dtype) for _ in range(3)]
    body(x, y, factor, offset, *moments, EPS, relu)
    return y, *moments


def layers(x, dy, factor, offset, relu):
    """BatchNorm, Scale and ReLU, one after the other: y and the moments, dx and the others."""
    mean, variance, std = (np.zeros(x.shape[1], x.dtype) for _ in range(3))
    z, y = np.empty_like(x), np.empty_like(x)
    batch_norm.batch_norm.reference(np, x, z, None, mean, variance, std, EPS, 0.0)
    scales.scale.reference(np, z, factor, offset, y, None)
    g, dx = dy.copy(), np.empty_like(x)
    if relu:
        elementwise.relu_grad.reference(np, y, dy, g, 0.0)
        elementwise.relu.reference(np, y, y, 0.0)
    dfactor, doffset = np.ones_like(factor), np.ones_like(offset)
    scales.scale_grad.reference(np, z, factor, g, dx, dfactor, doffset)
    batch_norm.batch_norm_grad.reference(np, x, dx, dx, mean, std)
    return (y, mean, variance, std), (dx, dfactor, doffset)


def bodies(op):
    return [op.compiled, lambda *args: op.reference(np, *args)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("which", [0, 1])
def test_forward_is_what_the_layers_do(rng, shape, dtype, relu, which):
    x, dy, factor, offset = given(rng, shape, dtype)
    expected, _ = layers(x, dy, factor, offset, relu)
    found = forward(bodies(ops.norm_scale)[which], x, factor, offset, relu)
    for each, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(each, right, **tolerance(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("in_place", [False, True])
def test_backward_is_what_the_layers_do(rng, shape, dtype, relu, which, in_place):
    x, dy, factor, offset = given(rng, shape, dtype)
    (_, mean, _, std), expected = layers(x, dy, factor, offset, relu)
    grad = dy.copy()
    dx = grad if in_place else np.full_like(x, 7)
    dfactor, doffset = np.ones_like(factor), np.ones_like(offset)
    body = bodies(ops.norm_scale_grad)[which]
    body(x, grad, dx, factor, offset, mean, std, dfactor, doffset, relu)
    loose = {name: 10 * value for name, value in tolerance(dtype).items()}  # sums of a thousand
    for each, right in zip((dx, dfactor, doffset), expected, strict=True):
        np.testing.assert_allclose(each, right, **loose)


@pytest.mark.parametrize("which", [0, 1])
def test_only_what_is_wanted(rng, which):
    x, dy, factor, offset = given(rng, (3, 4, 50), np.float32)
    (_, mean, _, std), (dx, dfactor, _) = layers(x, dy, factor, offset, True)
    body = bodies(ops.norm_scale_grad)[which]
    found = np.ones_like(factor)
    body(x, dy, None, factor, offset, mean, std, found, None, True)
    np.testing.assert_allclose(found, dfactor, rtol=1e-4)
    found = np.full_like(x, 7)
    body(x, dy, found, factor, offset, mean, std, None, None, True)
    np.testing.assert_allclose(found, dx, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("size", [60, 3])
def test_nan_stays(rng, which, size):
    x, _, factor, offset = given(rng, (2, 3, size), np.float32)
    x[1, 2, 1] = np.nan
    y, *_ = forward(bodies(ops.norm_scale)[which], x, factor, offset, True)
    assert np.isnan(y[:, 2]).all()
    assert not np.isnan(y[:, :2]).any()


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("in_place", [False, True])
def test_affine(rng, shape, relu, in_place):
    x, _, factor, offset = given(rng, shape, np.float32)
    expected = x * factor[:, None] + offset[:, None]
    expected = np.maximum(expected, 0) if relu else expected
    for body in bodies(ops.affine):
        grad = x.copy()
        y = grad if in_place else np.full_like(x, 7)
        body(grad, y, factor, offset, relu)
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


def cuda_cases(rng, dtype):
    """For ``tests.ops.test_cuda``."""
    for shape in [(7, 3, 49), (1, 2, 257), (6, 3, 1), (5, 2, 1651), (8200, 2, 1)]:
        x = (rng.standard_normal(shape) * 3 + 5).astype(dtype)
        y, dy = np.full_like(x, 7), rng.standard_normal(shape).astype(dtype)
        factor, offset, *moments = (rng.uniform(1, 2, shape[1]).astype(dtype) for _ in range(5))
        factor[0] = -factor[0]
        offset -= 1
        mean, std = x.mean(axis=(0, 2)), moments[0]
        close = {"rtol": 3e-5, "atol": 3e-5} if dtype == np.float32 else {}
        for relu in (False, True):
            args = factor, offset, *moments, 0.25, relu
            yield Case(ops.norm_scale, (x, y, *args), f"{shape} {relu}", **close)
            yield Case(ops.affine, (x, y, factor, offset, relu), f"{shape} {relu}")
            yield Case(ops.affine, (x, x, factor, offset, relu), f"{shape} {relu} in place")
            sums = np.ones(shape[1], dtype), np.full(shape[1], 2, dtype)
            given = factor, offset, mean, std
            wide = {"rtol": 1e-4, "atol": 1e-4} if dtype == np.float32 else {"atol": 1e-10}
            for dx, dfactor, doffset in [(y, *sums), (dy, None, None), (None, *sums)]:
                args = x, dy, dx, *given, dfactor, doffset, relu
                yield Case(ops.norm_scale_grad, args, f"{shape} {relu}", **wide)
