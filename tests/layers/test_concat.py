"""Concat: against copying loops, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

CASES = {  # field, shapes, axis
    "default": ("", [(2, 3, 4, 5), (2, 1, 4, 5), (2, 6, 4, 5)], 1),
    "first": ("axis: 0", [(2, 3, 4), (5, 3, 4)], 0),
    "last": ("axis: -1", [(2, 3, 4), (2, 3, 1)], 2),
    "old form": ("concat_dim: 2", [(2, 3, 4), (2, 3, 1)], 2),
    "with an empty one": ("", [(2, 3), (2, 0), (2, 4)], 1),
    "vectors": ("axis: 0", [(3,), (2,)], 0),
    "one alone": ("", [(2, 3, 4)], 1),
}


def text(field):
    return f'type: "Concat" concat_param {{ {field} }}'


def arrays(rng, shapes):
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize("case", CASES)
def test_matches_reference(device, rng, case):
    field, shapes, axis = CASES[case]
    xs = arrays(rng, shapes)
    layer, bottom, top = build(text(field), device, *xs)
    layer.run_forward(bottom, top)
    y = device.to_numpy(top[0].data)
    assert y.shape[axis] == sum(shape[axis] for shape in shapes)
    before = 0
    for x in xs:
        for index in np.ndindex(x.shape):
            moved = list(index)
            moved[axis] += before
            assert y[tuple(moved)] == x[index]
        before += x.shape[axis]


@pytest.mark.parametrize("case", CASES)
def test_gradient(device, rng, case):
    field, shapes, _ = CASES[case]
    check_gradient(*build(text(field), device, *arrays(rng, shapes)))


def test_leaves_what_is_not_asked_for(device, rng):
    _, shapes, _ = CASES["default"]
    layer, bottom, top = build(text(""), device, *arrays(rng, shapes))
    for blob in bottom:
        blob.diff[...] = 7
    top[0].diff[...] = 3
    layer.run_backward(top, [False, True, False], bottom)
    assert [float(blob.diff.max()) for blob in bottom] == [7, 3, 7]


def test_follows_its_bottoms_to_another_shape(device, rng):
    layer, bottom, top = build(text(""), device, *arrays(rng, [(2, 3), (2, 1)]))
    for blob, width in zip(bottom, (1, 4), strict=True):
        blob.reshape((6, width))
        blob.data[...] = width
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), [[1, 4, 4, 4, 4]] * 6)


@pytest.mark.parametrize(
    ("field", "shapes", "error", "message"),
    [
        ("", [(2, 3, 4), (2, 3, 5)], ShapeError, r"bottom\[1\] has .*\(2, 3, 5\), .*\(2, 3, 4\)"),
        ("axis: 2", [(2, 3, 4), (1, 3, 4)], ShapeError, r"\(1, 3, 4\), expected .* axis 2"),
        ("", [(2, 3), (2, 3), (2, 3, 1)], ShapeError, r"bottom\[2\] has shape \(2, 3, 1\)"),
        ("axis: 2", [(2, 3), (2, 3)], ShapeError, "axis is 2, expected one of the 2"),
        ("concat_dim: 3", [(2, 3), (2, 3)], ShapeError, "axis is 3, expected one of the 2"),
        ("axis: 1 concat_dim: 1", [(2, 3)], LayerConfigError, "axis and concat_dim are given"),
        ("", [], BlobCountError, "expected at least 1"),
    ],
)
def test_refuses(device, rng, field, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Concat\): .*{message}"):
        build(text(field), device, *arrays(rng, shapes))


def test_refuses_to_work_in_place(device):
    with pytest.raises(LayerConfigError, match="Concat does not work in place"):
        build(text(""), device, np.ones((2, 3)), in_place=True)
