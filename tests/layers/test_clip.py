"""Clip: its formula, its ends, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5, 7)
TEXT = 'type: "Clip" clip_param { min: -0.5 max: 0.75 }'


def reference(x):
    return np.array([-0.5 if v < -0.5 else 0.75 if v > 0.75 else v for v in x.flat]).reshape(
        x.shape
    )


def passed(x):
    return (x >= -0.5) & (x <= 0.75)


@pytest.mark.parametrize("in_place", [False, True])
def test_matches_reference(device, rng, in_place):
    x = rng.integers(-8, 9, X) / 8.0  # hits both ends
    layer, bottom, top = build(TEXT, device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), reference(x))
    assert in_place or (device.to_numpy(bottom[0].data) == x).all()
    top[0].diff[...] = 3
    layer.run_backward(top, [True], bottom)
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), 3 * passed(x))


@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(device, rng, in_place):
    x = rng.standard_normal(X)
    x[(abs(x + 0.5) < 0.01) | (abs(x - 0.75) < 0.01)] = 0  # off the kinks
    check_gradient(*build(TEXT, device, x, in_place=in_place))


def test_ends(device):
    text = 'type: "Clip" clip_param { min: -inf max: 6 }'
    x = np.array([np.nan, np.inf, -np.inf, 6, 6.5])
    layer, bottom, top = build(text, device, x)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), [np.nan, 6, -np.inf, 6, 6])
    top[0].diff[...] = 3
    layer.run_backward(top, [True], bottom)
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), [0, 0, 3, 3, 0])


def test_range_of_one_number(device, rng):
    text = 'type: "Clip" clip_param { min: 0.5 max: 0.5 }'
    layer, bottom, top = build(text, device, rng.standard_normal(X))
    layer.run_forward(bottom, top)
    assert (device.to_numpy(top[0].data) == 0.5).all()


def test_refuses_to_be_left_without_a_range(device):
    with pytest.raises(LayerConfigError, match=r"^layer 'it' \(Clip\): clip_param min is missing"):
        build('type: "Clip"', device, np.ones(X))


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [("1", "-1", "min is 1 and max is -1, expected min <= max"), ("nan", "1", "min is nan")],
)
def test_refuses_an_empty_range(device, low, high, message):
    with pytest.raises(LayerConfigError, match=message):
        build(f'type: "Clip" clip_param {{ min: {low} max: {high} }}', device, np.ones(X))


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
        np.testing.assert_allclose(device.to_numpy(bottom[0].diff), 2.0 * passed(x), rtol=1e-11)


def test_gradient_where_a_later_layer_works_in_place(device, rng):
    x = rng.standard_normal(X)
    layer, bottom, top = build(TEXT, device, x)
    layer.run_forward(bottom, top)
    top[0].data[...] = 99
    top[0].diff[...] = 1
    layer.run_backward(top, [True], bottom)
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), passed(x), rtol=1e-11)
