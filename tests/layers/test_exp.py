"""Exp: its formula, its gradients, and what it refuses."""

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
    ("base: -1 scale: -2", np.e, -2, 0),
]
CASES += [("shift: 1.5", np.e, 1, 1.5), ("base: 1 shift: 3", 1, 1, 3), ("base: 0.25", 0.25, 1, 0)]


def definition(fields):
    return f'type: "Exp" exp_param {{ {fields} }}'


TEXT = definition("base: 2 scale: 0.5 shift: 1")


def reference(x):
    return 2 ** (0.5 * x + 1)


@pytest.mark.parametrize(("fields", "base", "scale", "shift"), CASES)
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matches_reference(device, rng, fields, base, scale, shift, in_place, dtype):
    x = rng.standard_normal(X).astype(dtype).astype(float)
    layer, bottom, top = build(definition(fields), device, x, in_place=in_place, dtype=dtype)
    layer.run_forward(bottom, top)
    rtol = 2e-6 if dtype == np.float32 else 1e-13
    expected = float(base) ** (shift + scale * x)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=rtol)
    assert in_place or (device.to_numpy(bottom[0].data) == x).all()


@pytest.mark.parametrize("fields", [case[0] for case in CASES])
@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(device, rng, fields, in_place):
    x = rng.standard_normal(X)
    check_gradient(*build(definition(fields), device, x, in_place=in_place))


def test_value_of_the_original(device):
    layer, bottom, top = build(definition("base: 2 scale: 2 shift: 1"), device, np.ones(1))
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), [8])


def test_ends(device):
    x = np.array([np.nan, np.inf, -np.inf, 1e4, -1e4])
    layer, bottom, top = build(definition(""), device, x)
    with np.errstate(over="ignore"):
        layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), [np.nan, np.inf, 0, np.inf, 0])


def test_large_shift_that_x_makes_up_for(device):
    x = np.array([-150, -149], float)
    layer, bottom, top = build(definition("shift: 150"), device, x, dtype=np.float32)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), [1, np.e], rtol=1e-5)


@pytest.mark.parametrize("base", ["0", "-2", "inf", "nan"])
def test_refuses_a_base_without_logarithm(device, base):
    message = rf"^layer 'it' \(Exp\): base is {base}, expected more than 0, or -1 for e"
    with pytest.raises(LayerConfigError, match=message):
        build(definition(f"base: {base}"), device, np.ones(X))


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
        np.testing.assert_allclose(
            device.to_numpy(bottom[0].diff), np.log(2) * reference(x), rtol=1e-11
        )


def test_gradient_where_a_later_layer_works_in_place(device, rng):
    x = rng.standard_normal(X)
    layer, bottom, top = build(TEXT, device, x)
    layer.run_forward(bottom, top)
    top[0].data[...] = 99
    top[0].diff[...] = 1
    layer.run_backward(top, [True], bottom)
    np.testing.assert_allclose(
        device.to_numpy(bottom[0].diff), np.log(2) / 2 * reference(x), rtol=1e-11
    )
