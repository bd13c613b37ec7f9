"""Crop: where every element comes from, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 5, 7, 6)
CASES = {  # field, shape of the reference, offsets
    "default": ("", (9, 9, 4, 3), [0, 0, 0, 0]),
    "one offset": ("offset: 2", (1, 1, 4, 3), [0, 0, 2, 2]),
    "an offset an axis": ("axis: 1 offset: 1 offset: 0 offset: 3", (8, 3, 4, 3), [0, 1, 0, 3]),
    "to the edge": ("offset: 3 offset: 5", (2, 5, 4, 1), [0, 0, 3, 5]),
    "all axes": ("axis: 0 offset: 1", (1, 3, 2, 4), [1, 1, 1, 1]),
    "from the end": ("axis: -1 offset: 4", (2, 5, 7, 2), [0, 0, 0, 4]),
    "more axes": ("", (2, 5, 4, 3, 8), [0, 0, 0, 0]),
}


def text(field):
    return f'type: "Crop" crop_param {{ {field} }}'


@pytest.mark.parametrize("case", CASES)
def test_matches_reference(device, rng, case):
    field, shape, offsets = CASES[case]
    x = rng.standard_normal(X)
    layer, bottom, top = build(text(field), device, x, np.ones(shape))
    layer.run_forward(bottom, top)
    axis = layer.param.crop_param.axis % 4
    assert top[0].shape == (*X[:axis], *shape[axis:4])
    y = device.to_numpy(top[0].data)
    for index in np.ndindex(y.shape):
        assert y[index] == x[tuple(i + o for i, o in zip(index, offsets, strict=True))]


@pytest.mark.parametrize("case", CASES)
def test_gradient(device, rng, case):
    field, shape, _ = CASES[case]
    check_gradient(*build(text(field), device, rng.standard_normal(X), np.ones(shape)))


@pytest.mark.parametrize("wanted", [[False, False], [True, False], [False, True]])
def test_leaves_what_is_not_asked_for(device, rng, wanted):
    layer, bottom, top = build(text(""), device, rng.standard_normal(X), np.ones((2, 5, 4, 3)))
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 777
    layer.run_backward(top, wanted, bottom)
    assert [bool((device.to_numpy(blob.diff) != 777).any()) for blob in bottom] == wanted


def test_follows_its_bottoms_to_another_shape(device, rng):
    layer, bottom, top = build(text("offset: 1"), device, np.ones(X), np.ones((1, 1, 2, 3)))
    for blob, shape in zip(bottom, [(3, 1, 9, 8), (3, 1, 5, 4)], strict=True):
        blob.reshape(shape)
        blob.data[...] = device.xp.asarray(rng.standard_normal(shape))
    check_gradient(layer, bottom, top)
    assert top[0].shape == (3, 1, 5, 4)


@pytest.mark.parametrize(
    ("field", "shapes", "error", "message"),
    [
        ("offset: 4", [X, (2, 5, 4, 3)], ShapeError, "offset 4 and size 4 at axis 2 make 8, .* 7"),
        ("", [X, (2, 5, 7, 8)], ShapeError, "offset 0 and size 8 at axis 3 make 8, .* most 6"),
        ("axis: 1", [X, (2, 6, 1, 1)], ShapeError, "size 6 at axis 1 make 6, expected at most 5"),
        ("offset: 1 offset: 1 offset: 1", [X, X], LayerConfigError, r"3 time\(s\), .* 2 on \(2\)"),
        ("axis: 1 offset: 1 offset: 1", [X, X], LayerConfigError, r"2 time\(s\), .* 1 on \(3\)"),
        ("", [X, (4, 3)], ShapeError, r"bottom\[1\] has shape \(4, 3\), expected 4 axes"),
        ("axis: 4", [X, X], ShapeError, "axis is 4, expected one of the 4"),
        ("", [X], BlobCountError, r"1 bottom blob\(s\), expected 2"),
    ],
)
def test_refuses(device, field, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Crop\): .*{message}"):
        build(text(field), device, *map(np.ones, shapes))
