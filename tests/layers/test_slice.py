"""Slice: where every element goes, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

CASES = {  # field, shape, axis, sizes
    "equal": ("", (2, 6, 4, 5), 1, [2, 2, 2]),
    "points": ("slice_point: 1 slice_point: 4", (2, 6, 4, 5), 1, [1, 3, 2]),
    "first": ("axis: 0 slice_point: 3", (4, 6, 2), 0, [3, 1]),
    "last": ("axis: -1", (2, 3, 4), 2, [1, 1, 1, 1]),
    "old form": ("slice_dim: 2 slice_point: 1", (2, 6, 5), 2, [1, 4]),
    "an empty last": ("slice_point: 3", (2, 3, 4), 1, [3, 0]),
    "vector": ("axis: 0", (6,), 0, [3, 3]),
    "one alone": ("", (2, 3, 4), 1, [3]),
}


def text(field):
    return f'type: "Slice" slice_param {{ {field} }}'


@pytest.mark.parametrize("case", CASES)
def test_matches_reference(device, rng, case):
    field, shape, axis, sizes = CASES[case]
    x = rng.standard_normal(shape)
    layer, bottom, top = build(text(field), device, x, tops=len(sizes))
    layer.run_forward(bottom, top)
    assert [blob.shape[axis] for blob in top] == sizes
    before = 0
    for blob in top:
        y = device.to_numpy(blob.data)
        for index in np.ndindex(y.shape):
            moved = list(index)
            moved[axis] += before
            assert y[index] == x[tuple(moved)]
        before += blob.shape[axis]


@pytest.mark.parametrize("case", CASES)
def test_gradient(device, rng, case):
    field, shape, _, sizes = CASES[case]
    check_gradient(*build(text(field), device, rng.standard_normal(shape), tops=len(sizes)))


def test_one_top_shares_data_and_diff(device, rng):
    layer, bottom, top = build(text(""), device, rng.standard_normal((2, 3)))
    layer.run_forward(bottom, top)
    bottom[0].data[1, 0] = 4711
    top[0].diff[1, 1] = 1138
    assert float(top[0].data[1, 0]) == 4711
    assert float(bottom[0].diff[1, 1]) == 1138


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(""), device, rng.standard_normal((2, 4)), tops=2)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_follows_its_bottom_to_another_shape(device):
    layer, bottom, top = build(text(""), device, np.ones((2, 4)), tops=2)
    bottom[0].reshape((3, 6, 5))
    layer.run_forward(bottom, top)
    assert [blob.shape for blob in top] == [(3, 3, 5)] * 2


@pytest.mark.parametrize(
    ("field", "tops", "error", "message"),
    [
        ("", 4, ShapeError, r"\(2, 6, 5\), expected a multiple of 4, .* axis 1; or give slice_p"),
        ("slice_point: 7", 2, ShapeError, r"\(2, 6, 5\), expected at least 7"),
        ("slice_point: 2", 3, LayerConfigError, r"1 time\(s\), expected none, .* \(2\)"),
        ("slice_point: 2 slice_point: 2", 3, LayerConfigError, r"\[2, 2\], expected rising"),
        ("slice_point: 3 slice_point: 1", 3, LayerConfigError, r"\[3, 1\], expected rising"),
        ("slice_point: 0", 2, LayerConfigError, r"\[0\], expected rising numbers above 0"),
        ("axis: 1 slice_dim: 1", 2, LayerConfigError, "axis and slice_dim are given"),
        ("axis: 3", 2, ShapeError, "axis is 3, expected one of the 3"),
        ("slice_dim: 3", 2, ShapeError, "axis is 3, expected one of the 3"),
        ("", 0, BlobCountError, r"0 top blob\(s\), expected at least 1"),
    ],
)
def test_refuses(device, field, tops, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Slice\): .*{message}"):
        build(text(field), device, np.ones((2, 6, 5)), tops=tops)


def test_refuses_to_work_in_place(device):
    with pytest.raises(LayerConfigError, match="Slice does not work in place"):
        build(text(""), device, np.ones((2, 3)), in_place=True)
