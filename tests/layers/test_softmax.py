"""Softmax: against its formula, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

CASES = [
    ((4, 5), ""),
    ((2, 3, 7, 5), ""),
    ((2, 3, 7, 5), "axis: 2"),
    ((2, 3, 7, 5), "axis: -1 engine: CUDNN"),
    ((6, 2), "axis: 0"),
    ((2, 1, 3), "axis: 1 engine: CAFFE"),
]


def text(field):
    return f'type: "Softmax" softmax_param {{ {field} }}'


def reference(x, axis):
    y = np.empty_like(x)
    for index in np.ndindex(x.shape):
        line = list(index)
        line[axis] = slice(None)
        y[index] = 1 / sum(np.exp(other - x[index]) for other in x[tuple(line)])
    return y


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(("shape", "field"), CASES)
def test_matches_reference(device, rng, shape, field, in_place):
    x = rng.standard_normal(shape) * 3
    layer, bottom, top = build(text(field), device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    expected = reference(x, layer.param.softmax_param.axis)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(("shape", "field"), CASES)
def test_gradient(device, rng, shape, field, in_place):
    check_gradient(*build(text(field), device, rng.standard_normal(shape), in_place=in_place))


def test_large_scores_do_not_overflow(device):
    x = np.array([[1e5, 0, 1e5], [-1e5, -1e5, -np.inf]])
    layer, bottom, top = build(text(""), device, x, dtype=np.float32)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), [[0.5, 0, 0.5], [0.5, 0.5, 0]])


@pytest.mark.parametrize("place", range(20))
def test_nan_spoils_its_own_row_alone(device, place):
    x = np.arange(60.0).reshape(3, 20)
    x[1, place] = np.nan
    layer, bottom, top = build(text(""), device, x, dtype=np.float32)
    layer.run_forward(bottom, top)
    y = device.to_numpy(top[0].data)
    assert np.isnan(y[1]).all()
    assert not np.isnan(y[[0, 2]]).any()


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(""), device, rng.standard_normal((2, 3)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize(
    ("field", "shape", "message"),
    [
        ("axis: 2", (2, 3), r"axis is 2, expected one of the 2 of \(2, 3\)"),
        ("axis: -3", (2, 3), r"axis is -3, expected one of the 2 of \(2, 3\)"),
        ("", (2, 0), r"shape \(2, 0\), expected a class along axis 1"),
    ],
)
def test_refuses(device, field, shape, message):
    with pytest.raises(ShapeError, match=rf"^layer 'it' \(Softmax\): .*{message}"):
        build(text(field), device, np.ones(shape))
