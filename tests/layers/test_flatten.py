"""Flatten: its shapes, that nothing is copied, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 6, 5)
CASES = {
    "": (2, 90),
    "axis: 2": (2, 3, 30),
    "axis: 0 end_axis: 1": (6, 6, 5),
    "axis: -3 end_axis: -2": (2, 18, 5),
    "axis: 0": (180,),
    "axis: 2 end_axis: 2": X,
}


def text(field):
    return f'type: "Flatten" flatten_param {{ {field} }}'


@pytest.mark.parametrize("field", CASES)
def test_keeps_values_and_order(device, rng, field):
    x = rng.standard_normal(X)
    layer, bottom, top = build(text(field), device, x)
    layer.run_forward(bottom, top)
    assert top[0].shape == CASES[field]
    np.testing.assert_array_equal(device.to_numpy(top[0].data).ravel(), x.ravel())


@pytest.mark.parametrize("field", CASES)
def test_gradient(device, rng, field):
    check_gradient(*build(text(field), device, rng.standard_normal(X)))


def test_shares_data_and_diff(device, rng):
    layer, bottom, top = build(text(""), device, rng.standard_normal(X))
    layer.run_forward(bottom, top)
    bottom[0].data[1, 0, 0, 1] = 4711
    top[0].diff[1, 1] = 1138
    assert float(top[0].data[1, 1]) == 4711
    assert float(bottom[0].diff[1, 0, 0, 1]) == 1138


def test_follows_its_bottom_to_a_larger_shape(device):
    layer, bottom, top = build(text(""), device, np.zeros(X))
    bottom[0].reshape((7, 4, 9))
    bottom[0].data[...] = 5
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), np.full((7, 36), 5))


@pytest.mark.parametrize(
    ("field", "error", "message"),
    [
        ("axis: 3 end_axis: 1", LayerConfigError, "axis is 3 and end_axis is 1, expected axis not"),
        ("axis: 4", ShapeError, "axis is 4, expected one of the 4"),
        ("end_axis: -5", ShapeError, "axis is -5, expected one of the 4"),
    ],
)
def test_refuses(device, field, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Flatten\): {message}"):
        build(text(field), device, np.ones(X))


def test_refuses_to_work_in_place(device):
    with pytest.raises(LayerConfigError, match="Flatten does not work in place"):
        build(text(""), device, np.ones(X), in_place=True)
