"""BNLL: its formula, its ends, its gradients."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5, 7)
TEXT = 'type: "BNLL"'


def slope(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matches_reference(device, rng, in_place, dtype):
    x = (3 * rng.standard_normal(X)).astype(dtype).astype(float)
    layer, bottom, top = build(TEXT, device, x, in_place=in_place, dtype=dtype)
    layer.run_forward(bottom, top)
    rtol = 1e-6 if dtype == np.float32 else 1e-11  # of the reference
    np.testing.assert_allclose(device.to_numpy(top[0].data), np.log(1 + np.exp(x)), rtol=rtol)
    assert in_place or (device.to_numpy(bottom[0].data) == x).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("in_place", [False, True])
def test_ends(device, dtype, in_place):
    x = np.array([np.nan, np.inf, -np.inf, 2000, -2000, 0])
    layer, bottom, top = build(TEXT, device, x, dtype=dtype, in_place=in_place)
    layer.run_forward(bottom, top)
    expected = [np.nan, np.inf, 0, 2000, 0, np.log(2)]
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-7)
    top[0].diff[...] = 3
    layer.run_backward(top, [True], bottom)
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), [np.nan, 3, 0, 3, 0, 1.5])


@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(device, rng, in_place):
    check_gradient(*build(TEXT, device, rng.standard_normal(X), in_place=in_place))


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
        np.testing.assert_allclose(device.to_numpy(top[0].data), np.log(1 + np.exp(x)), rtol=1e-11)
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
