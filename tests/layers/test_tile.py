"""Tile: where every element comes from, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5)
CASES = [("tiles: 4", 1, 4), ("tiles: 1", 1, 1), ("axis: 0 tiles: 3", 0, 3)]
CASES += [("axis: 2 tiles: 2", 2, 2), ("axis: -1 tiles: 2", 2, 2), ("axis: -3 tiles: 2", 0, 2)]


def text(field):
    return f'type: "Tile" tile_param {{ {field} }}'


@pytest.mark.parametrize(("field", "axis", "tiles"), CASES)
def test_matches_reference_and_gradient(device, rng, field, axis, tiles):
    x = rng.standard_normal(X)
    layer, bottom, top = build(text(field), device, x)
    layer.run_forward(bottom, top)
    y = device.to_numpy(top[0].data)
    assert y.shape == tuple(tiles * d if i == axis else d for i, d in enumerate(X))
    for index in np.ndindex(y.shape):
        assert y[index] == x[tuple(i % d for i, d in zip(index, X, strict=True))]
    check_gradient(layer, bottom, top)


def test_leaves_what_is_not_asked_for(device):
    layer, bottom, top = build(text("tiles: 2"), device, np.ones(X))
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_follows_its_bottom_to_another_shape(device, rng):
    layer, bottom, top = build(text("tiles: 2"), device, np.ones(X))
    bottom[0].reshape((4, 2))
    check_gradient(layer, bottom, top)
    assert top[0].shape == (4, 4)


@pytest.mark.parametrize(
    ("field", "error", "message"),
    [
        ("", LayerConfigError, "tiles is missing, expected at least 1"),
        ("tiles: 0", LayerConfigError, "tiles is 0, expected at least 1"),
        ("tiles: -2", LayerConfigError, "tiles is -2, expected at least 1"),
        ("tiles: 2 axis: 3", ShapeError, "axis is 3, expected one of the 3"),
    ],
)
def test_refuses(device, field, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Tile\): {message}"):
        build(text(field), device, np.ones(X))


def test_refuses_to_work_in_place(device):
    with pytest.raises(LayerConfigError, match="Tile does not work in place"):
        build(text("tiles: 1"), device, np.ones(X), in_place=True)
