"""ELU: its formula, its ends, its gradients."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5, 7)
ALPHAS = [1.0, 0.5, 0.0, -0.25]


def definition(alpha):
    return f'type: "ELU" elu_param {{ alpha: {alpha} }}'


TEXT = definition(0.5)


def reference(x, alpha=0.5):
    return np.array([v if v > 0 else alpha * (np.exp(v) - 1) for v in x.flat]).reshape(x.shape)


def slope(x, alpha=0.5):
    return np.array([1 if v > 0 else alpha * np.exp(v) for v in x.flat]).reshape(x.shape)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matches_reference(device, rng, alpha, in_place, dtype):
    x = rng.integers(-3, 4, X).astype(float)
    layer, bottom, top = build(definition(alpha), device, x, in_place=in_place, dtype=dtype)
    layer.run_forward(bottom, top)
    rtol = 1e-6 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(device.to_numpy(top[0].data), reference(x, alpha), rtol=rtol)
    assert in_place or (device.to_numpy(bottom[0].data) == x).all()


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(device, rng, alpha, in_place):
    x = rng.uniform(0.1, 2, X) * rng.choice([-1, 1], X)  # off the kink
    check_gradient(*build(definition(alpha), device, x, in_place=in_place))


def test_alpha_is_1_unless_given_and_the_slope_at_0(device):
    x = np.array([0.0, -1e3, -np.inf, np.inf, np.nan])
    layer, bottom, top = build('type: "ELU"', device, x)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), [0, -1, -1, np.inf, np.nan])
    top[0].diff[...] = 3
    layer.run_backward(top, [True], bottom)
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), [3, 0, 0, 3, np.nan])


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
