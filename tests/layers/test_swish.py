"""Swish: its formula, its ends, its gradients."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5, 7)
BETAS = [1.0, 1.5, 0.0, -0.5]


def definition(beta):
    return f'type: "Swish" swish_param {{ beta: {beta} }}'


TEXT = definition(1.5)


def reference(x, beta=1.5):
    return x / (1 + np.exp(-beta * x))


def slope(x):
    s = 1 / (1 + np.exp(-1.5 * x))
    return 1.5 * x * s + s * (1 - 1.5 * x * s)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matches_reference(device, rng, beta, in_place, dtype):
    x = (3 * rng.standard_normal(X)).astype(dtype).astype(float)
    layer, bottom, top = build(definition(beta), device, x, in_place=in_place, dtype=dtype)
    layer.run_forward(bottom, top)
    rtol = 2e-6 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(device.to_numpy(top[0].data), reference(x, beta), rtol=rtol)
    assert in_place or (device.to_numpy(bottom[0].data) == x).all()


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(device, rng, beta, in_place):
    check_gradient(*build(definition(beta), device, rng.standard_normal(X), in_place=in_place))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ends(device, dtype):
    x = np.array([np.nan, np.inf, -np.inf, 2000, -2000, 0])
    layer, bottom, top = build('type: "Swish"', device, x, dtype=dtype)
    with np.errstate(invalid="ignore"):
        layer.run_forward(bottom, top)
        expected = [np.nan, np.inf, np.nan, 2000, 0, 0]
        np.testing.assert_array_equal(device.to_numpy(top[0].data), expected)
        top[0].diff[...] = 3
        layer.run_backward(top, [True], bottom)
    expected = [np.nan, np.nan, np.nan, 3, 0, 1.5]
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), expected)


@pytest.mark.parametrize("in_place", [False, True])
def test_leaves_what_is_not_asked_for(device, rng, in_place):
    layer, bottom, top = build(TEXT, device, rng.standard_normal(X), in_place=in_place)
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize("in_place", [False, True])
def test_follows_its_bottom_to_other_shapes(device, rng, in_place):
    layer, bottom, top = build(TEXT, device, rng.standard_normal(X), in_place=in_place)
    for shape in [(4, 3, 2), (3, 2)]:
        x = rng.standard_normal(shape)
        bottom[0].reshape(shape)
        bottom[0].data[...] = device.xp.asarray(x)
        layer.run_forward(bottom, top)
        assert top[0].shape == shape
        np.testing.assert_allclose(device.to_numpy(top[0].data), reference(x), rtol=1e-12)
        top[0].diff[...] = 2
        layer.run_backward(top, [True], bottom)
        np.testing.assert_allclose(device.to_numpy(bottom[0].diff), 2 * slope(x), rtol=1e-11)


def test_gradient_where_a_later_layer_works_in_place(device, rng):
    x = rng.standard_normal(X)
    layer, bottom, top = build(TEXT, device, x)
    layer.run_forward(bottom, top)
    top[0].data[...] = 99
    top[0].diff[...] = 1
    layer.run_backward(top, [True], bottom)
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), slope(x), rtol=1e-11)
