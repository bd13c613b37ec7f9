"""ReLU: its formula, what is not finite, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5, 7)
SLOPES = [0.0, 0.25, -0.5]


def definition(slope):
    return f'type: "ReLU" relu_param {{ negative_slope: {slope} engine: CUDNN }}'


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("in_place", [False, True])
def test_matches_reference(device, rng, slope, in_place):
    x = rng.integers(-2, 3, X).astype(float)
    text = definition(slope) + "phase: TEST"
    layer, bottom, top = build(text, device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    expected = [max(v, 0) + slope * min(v, 0) for v in x.reshape(-1)]
    np.testing.assert_array_equal(device.to_numpy(top[0].data).reshape(-1), expected)
    assert in_place or (device.to_numpy(bottom[0].data) == x).all()


@pytest.mark.parametrize(
    ("slope", "in_place"), [(0.0, False), (0.25, False), (-0.5, False), (0.0, True), (0.25, True)]
)
def test_gradient(device, rng, slope, in_place):
    x = rng.uniform(0.1, 1, X) * rng.choice([-1, 1], X)  # off the kink
    check_gradient(*build(definition(slope), device, x, in_place=in_place))


@pytest.mark.parametrize("slope", [0.0, 0.25])
def test_no_gradient_at_zero_but_the_slope(device, slope):
    layer, bottom, top = build(definition(slope), device, np.zeros((2, 3)))
    layer.run_forward(bottom, top)
    top[0].diff[...] = 8
    layer.run_backward(top, [True], bottom)
    assert (device.to_numpy(bottom[0].diff) == 8 * slope).all()


@pytest.mark.parametrize(
    ("slope", "forward", "backward"),
    [  # as max(x, 0) + slope * min(x, 0) and its gradient give them
        (0.0, [np.nan, np.inf, np.nan], [0, 8, 0]),
        (0.25, [np.nan, np.inf, -np.inf], [0, 8, 2]),
    ],
)
def test_what_is_not_finite(device, slope, forward, backward):
    x = np.array([np.nan, np.inf, -np.inf])
    layer, bottom, top = build(definition(slope), device, x)
    with np.errstate(invalid="ignore"):
        layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), forward)
    top[0].diff[...] = 8
    layer.run_backward(top, [True], bottom)
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), backward)


def test_follows_its_bottom_to_other_shapes(device, rng):
    layer, bottom, top = build(definition(0.25), device, rng.standard_normal(X))
    for shape in [(4, 3, 5, 7), (3, 2)]:
        x = rng.standard_normal(shape)
        bottom[0].reshape(shape)
        bottom[0].data[...] = device.xp.asarray(x)
        layer.run_forward(bottom, top)
        assert top[0].shape == shape
        np.testing.assert_allclose(device.to_numpy(top[0].data), np.where(x > 0, x, x / 4))


@pytest.mark.parametrize("in_place", [False, True])
def test_leaves_what_is_not_asked_for(device, rng, in_place):
    layer, bottom, top = build('type: "ReLU"', device, rng.standard_normal(X), in_place=in_place)
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_refuses_a_gradient_that_would_be_wrong(device):
    message = r"^layer 'it' \(ReLU\): negative_slope is -0.5 in place, expected at least 0"
    with pytest.raises(LayerConfigError, match=message):
        build(definition(-0.5), device, np.ones(X), in_place=True)
