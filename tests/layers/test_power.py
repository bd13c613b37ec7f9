"""Power: its formula and its special cases, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5, 7)
CASES = [(2, 0.5, 3), (1, -2, 1), (0.5, 0.5, 0.1), (3, 1, 0), (-1, 1, 0), (1, 1, 0), (1.7, -1, 4)]
CONSTANT = [(0, 2, 1.5, 1), (0, 0, 0, 1), (2, 0, 3, 9), (-1, 0, 0, np.inf), (0.5, 0, -1, np.nan)]


def definition(power, scale, shift):
    return f'type: "Power" power_param {{ power: {power} scale: {scale} shift: {shift} }}'


TEXT = definition(1.5, 2, 0.5)


def reference(x):
    return (2 * x + 0.5) ** 1.5


def slope(x):
    return 3 * (2 * x + 0.5) ** 0.5


@pytest.mark.parametrize(("power", "scale", "shift"), CASES)
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matches_reference(device, rng, power, scale, shift, in_place, dtype):
    x = rng.uniform(0.25, 3, X).astype(dtype).astype(float)
    text = definition(power, scale, shift)
    layer, bottom, top = build(text, device, x, in_place=in_place, dtype=dtype)
    layer.run_forward(bottom, top)
    scale, shift = np.float32(scale).item(), np.float32(shift).item()  # as the message holds them
    expected = (shift + scale * x) ** np.float32(power).item()
    rtol, atol = (1e-5, 1e-6) if dtype == np.float32 else (1e-12, 1e-14)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=rtol, atol=atol)
    assert in_place or (device.to_numpy(bottom[0].data) == x).all()


@pytest.mark.parametrize(("power", "scale", "shift"), CASES)
@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(device, rng, power, scale, shift, in_place):
    x = rng.uniform(0.25, 3, X)
    check_gradient(*build(definition(power, scale, shift), device, x, in_place=in_place))


@pytest.mark.parametrize("power", [1, 2, 3, -2])
def test_gradient_below_0(device, rng, power):
    x = rng.uniform(-3, -0.5, X)
    check_gradient(*build(definition(power, 1, 0), device, x))


@pytest.mark.parametrize(("power", "scale", "shift", "value"), CONSTANT)
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_whatever_comes_in(device, power, scale, shift, value, in_place, dtype):
    x = np.array([[np.nan, 3, np.inf], [-1, 0, 2]])
    text = definition(power, scale, shift)
    layer, bottom, top = build(text, device, x, in_place=in_place, dtype=dtype)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), np.full((2, 3), value))
    top[0].diff[...] = 3
    layer.run_backward(top, [True], bottom)
    assert (device.to_numpy(bottom[0].diff) == 0).all()


@pytest.mark.parametrize(
    ("power", "value", "gradient"),
    [(1, 0, 3), (2, 0, 0), (3, 0, 0), (1.5, 0, 0), (0.5, 0, np.inf), (-1, np.inf, -np.inf)],
)
def test_at_0(device, power, value, gradient):
    layer, bottom, top = build(definition(power, 1, 0), device, np.zeros((2, 3)))
    with np.errstate(divide="ignore"):
        layer.run_forward(bottom, top)
        top[0].diff[...] = 3
        layer.run_backward(top, [True], bottom)
    assert (device.to_numpy(top[0].data) == value).all()
    assert (device.to_numpy(bottom[0].diff) == gradient).all()


def test_of_what_is_negative(device):
    for power, value in [(0.5, np.nan), (-1.5, np.nan), (3, -8), (-1, -0.5), (4, 16)]:
        layer, bottom, top = build(definition(power, 1, 0), device, np.full((2, 3), -2.0))
        with np.errstate(invalid="ignore"):
            layer.run_forward(bottom, top)
        found = device.to_numpy(top[0].data)
        np.testing.assert_allclose(found, np.full((2, 3), value), rtol=1e-13)


@pytest.mark.parametrize("in_place", [False, True])
def test_leaves_what_is_not_asked_for(device, rng, in_place):
    layer, bottom, top = build(TEXT, device, rng.uniform(0.25, 3, X), in_place=in_place)
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize("in_place", [False, True])
def test_follows_its_bottom_to_other_shapes(device, rng, in_place):
    layer, bottom, top = build(TEXT, device, rng.uniform(0.25, 3, X), in_place=in_place)
    for shape in [(4, 3, 2), (3, 2)]:
        x = rng.uniform(0.25, 3, shape)
        bottom[0].reshape(shape)
        bottom[0].data[...] = device.xp.asarray(x)
        layer.run_forward(bottom, top)
        assert top[0].shape == shape
        np.testing.assert_allclose(device.to_numpy(top[0].data), reference(x), rtol=1e-12)
        top[0].diff[...] = 2
        layer.run_backward(top, [True], bottom)
        np.testing.assert_allclose(device.to_numpy(bottom[0].diff), 2 * slope(x), rtol=1e-11)


def test_gradient_where_a_later_layer_works_in_place(device, rng):
    x = rng.uniform(0.25, 3, X)
    layer, bottom, top = build(TEXT, device, x)
    layer.run_forward(bottom, top)
    top[0].data[...] = 99
    top[0].diff[...] = 1
    layer.run_backward(top, [True], bottom)
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), slope(x), rtol=1e-11)
