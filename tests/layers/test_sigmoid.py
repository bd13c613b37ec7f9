"""Sigmoid: its formula, its ends, its gradients."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5, 7)
TEXT = 'type: "Sigmoid" sigmoid_param { engine: CUDNN }'


def reference(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matches_reference(device, rng, in_place, dtype):
    x = (3 * rng.standard_normal(X)).astype(dtype).astype(float)
    layer, bottom, top = build(TEXT, device, x, in_place=in_place, dtype=dtype)
    layer.run_forward(bottom, top)
    rtol, atol = (1e-6, 2e-7) if dtype == np.float32 else (1e-13, 1e-16)
    np.testing.assert_allclose(device.to_numpy(top[0].data), reference(x), rtol=rtol, atol=atol)
    assert in_place or (device.to_numpy(bottom[0].data) == x).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ends(device, dtype):
    x = np.array([np.nan, np.inf, -np.inf, 1000, -1000])
    layer, bottom, top = build(TEXT, device, x, dtype=dtype)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), [np.nan, 1, 0, 1, 0])
    top[0].diff[...] = 3
    layer.run_backward(top, [True], bottom)
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), [np.nan, 0, 0, 0, 0])


@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(device, rng, in_place):
    check_gradient(*build(TEXT, device, rng.standard_normal(X), in_place=in_place))


def test_follows_its_bottom_to_other_shapes(device, rng):
    layer, bottom, top = build(TEXT, device, rng.standard_normal(X))
    for shape in [(4, 3, 5, 7), (3, 2)]:
        x = rng.standard_normal(shape)
        bottom[0].reshape(shape)
        bottom[0].data[...] = device.xp.asarray(x)
        layer.run_forward(bottom, top)
        assert top[0].shape == shape
        np.testing.assert_allclose(device.to_numpy(top[0].data), reference(x), rtol=1e-12)


@pytest.mark.parametrize("in_place", [False, True])
def test_leaves_what_is_not_asked_for(device, rng, in_place):
    layer, bottom, top = build(TEXT, device, rng.standard_normal(X), in_place=in_place)
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
