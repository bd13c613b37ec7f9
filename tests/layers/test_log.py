"""Log: its formula, its ends, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5, 7)
CASES = [
    ("", np.e, 1, 0),
    ("base: 2 scale: 0.5 shift: 1", 2, 0.5, 1),
    ("base: -1 scale: 3", np.e, 3, 0),
]
CASES += [("base: 0.5 shift: 2", 0.5, 1, 2), ("base: 10 scale: -1 shift: 4", 10, -1, 4)]


def definition(fields):
    return f'type: "Log" log_param {{ {fields} }}'


TEXT = definition("base: 2 scale: 0.5 shift: 1")


def reference(x):
    return np.log2(0.5 * x + 1)


def slope(x):
    return 0.5 / np.log(2) / (0.5 * x + 1)


@pytest.mark.parametrize(("fields", "base", "scale", "shift"), CASES)
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matches_reference(device, rng, fields, base, scale, shift, in_place, dtype):
    x = rng.uniform(0.25, 3, X).astype(dtype).astype(float)
    layer, bottom, top = build(definition(fields), device, x, in_place=in_place, dtype=dtype)
    layer.run_forward(bottom, top)
    expected = np.log(shift + scale * x) / np.log(base)
    rtol, atol = (1e-6, 3e-7) if dtype == np.float32 else (1e-12, 1e-15)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=rtol, atol=atol)
    assert in_place or (device.to_numpy(bottom[0].data) == x).all()


@pytest.mark.parametrize("fields", [case[0] for case in CASES])
@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(device, rng, fields, in_place):
    x = rng.uniform(0.25, 3, X)
    check_gradient(*build(definition(fields), device, x, in_place=in_place))


@pytest.mark.parametrize("in_place", [False, True])
def test_at_and_below_0(device, in_place):
    x = np.array([0, -2, np.inf, np.nan])
    layer, bottom, top = build(definition(""), device, x, in_place=in_place)
    with np.errstate(divide="ignore", invalid="ignore"):
        layer.run_forward(bottom, top)
        np.testing.assert_array_equal(
            device.to_numpy(top[0].data), [-np.inf, np.nan, np.inf, np.nan]
        )
        top[0].diff[...] = 3
        layer.run_backward(top, [True], bottom)
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), [np.inf, -1.5, 0, np.nan])


@pytest.mark.parametrize("base", ["0", "-2", "inf", "nan"])
def test_refuses_a_base_without_logarithm(device, base):
    message = rf"^layer 'it' \(Log\): base is {base}, expected more than 0, or -1 for e"
    with pytest.raises(LayerConfigError, match=message):
        build(definition(f"base: {base}"), device, np.ones(X))


def test_refuses_base_1(device):
    with pytest.raises(LayerConfigError, match="base is 1, expected another"):
        build(definition("base: 1"), device, np.ones(X))


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
