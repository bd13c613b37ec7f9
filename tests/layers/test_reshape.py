"""Reshape: its shapes, that nothing is copied, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 6, 5)
CASES = {
    "shape { dim: 0 dim: -1 }": (2, 90),
    "shape { dim: -1 }": (180,),
    "shape { dim: 0 dim: 0 dim: 30 }": (2, 3, 30),
    "shape { dim: 4 dim: 45 }": (4, 45),
    "shape { dim: 5 dim: 6 } axis: 2": (2, 3, 5, 6),
    "shape { dim: 3 dim: 2 dim: -1 } axis: 1 num_axes: 2": (2, 3, 2, 3, 5),
    "shape { dim: -1 dim: 0 } axis: 1 num_axes: 2": (2, 3, 6, 5),
    "shape { dim: 1 } axis: 1 num_axes: 0": (2, 1, 3, 6, 5),
    "shape { dim: 1 dim: -1 } axis: -1 num_axes: 0": (2, 3, 6, 5, 1, 1),
    "shape { dim: 1 } axis: 4": (2, 3, 6, 5, 1),
    "shape { dim: -1 } axis: -3": (2, 3, 30),
    "shape { } axis: 1 num_axes: 0": X,
}


def text(field):
    return f'type: "Reshape" reshape_param {{ {field} }}'


@pytest.mark.parametrize("field", CASES)
def test_keeps_values_and_order(device, rng, field):
    x = rng.standard_normal(X)
    layer, bottom, top = build(text(field), device, x)
    layer.run_forward(bottom, top)
    assert top[0].shape == CASES[field]
    np.testing.assert_array_equal(device.to_numpy(top[0].data).ravel(), x.ravel())


def test_without_axes_a_single_value_is_left(device):
    _, _, top = build('type: "Reshape"', device, np.ones((1, 1)))
    assert top[0].shape == ()


def test_gradient(device, rng):
    check_gradient(*build(text("shape { dim: -1 dim: 9 }"), device, rng.standard_normal(X)))


def test_shares_data_and_diff(device, rng):
    layer, bottom, top = build(text("shape { dim: 0 dim: -1 }"), device, rng.standard_normal(X))
    layer.run_forward(bottom, top)
    bottom[0].data[1, 0, 0, 1] = 4711
    top[0].diff[1, 1] = 1138
    assert float(top[0].data[1, 1]) == 4711
    assert float(bottom[0].diff[1, 0, 0, 1]) == 1138


def test_follows_its_bottom_to_a_larger_shape(device):
    layer, bottom, top = build(text("shape { dim: 0 dim: -1 dim: 3 }"), device, np.zeros((2, 9)))
    bottom[0].reshape((7, 4, 9))
    bottom[0].data[...] = 5
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), np.full((7, 12, 3), 5))


@pytest.mark.parametrize(
    ("field", "shape", "expected"),
    [
        ("shape { dim: 0 dim: -1 }", (0, 3, 4), (0, 12)),
        ("shape { dim: -1 }", (0, 3), (0,)),
        ("shape { dim: -1 dim: 3 }", (0, 3, 4), (0, 3)),
        ("shape { dim: 0 dim: 2 dim: -1 }", (0, 6), (0, 2, 3)),
    ],
)
def test_no_items_at_all(device, field, shape, expected):
    _, _, top = build(text(field), device, np.ones(shape))
    assert top[0].shape == expected


@pytest.mark.parametrize(
    ("field", "error", "message"),
    [
        ("shape { dim: -1 dim: -1 }", LayerConfigError, r"\[-1, -1\], expected -1 once at most"),
        ("shape { dim: -2 }", LayerConfigError, r"\[-2\], expected sizes, 0 or -1"),
        ("shape { dim: 7 dim: -1 }", ShapeError, "180 elements, expected a multiple of 7"),
        ("shape { dim: 2 dim: 91 }", ShapeError, "180 elements, expected 182 for the shape"),
        ("", ShapeError, r"180 elements, expected 1 for the shape \(\)"),
        (
            "shape { dim: 1 dim: 0 } axis: 3",
            ShapeError,
            r"shape\[1\] is 0, which stands for axis 4 .* of the 4",
        ),
        ("shape { dim: 1 } axis: 5", ShapeError, r"axis is 5, expected -5..4"),
        ("shape { dim: 1 } axis: -6", ShapeError, r"axis is -6, expected -5..4"),
        ("shape { dim: 1 } num_axes: -2", LayerConfigError, r"num_axes is -2, expected -1..4"),
        ("shape { dim: 1 } axis: 2 num_axes: 3", LayerConfigError, r"num_axes is 3, .* -1..2"),
    ],
)
def test_refuses(device, field, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Reshape\): .*{message}"):
        build(text(field), device, np.ones(X))


def test_refuses_to_work_in_place(device):
    with pytest.raises(LayerConfigError, match="Reshape does not work in place"):
        build(text("shape { dim: 0 dim: -1 }"), device, np.ones(X), in_place=True)
