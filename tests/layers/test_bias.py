"""Bias: against loops over elements, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5, 4)
LEARNED = [
    ("", 1, (3,)),
    ("num_axes: 0", 1, ()),
    ("num_axes: -1", 1, (3, 5, 4)),
    ("axis: 0 num_axes: 2", 0, (2, 3)),
    ("axis: -1", 3, (4,)),
]
GIVEN = [(0, (2,)), (1, (3, 5)), (-2, (5, 4)), (0, X), (1, ())]


def text(field):
    return f'type: "Bias" bias_param {{ {field} }}'


def reference(x, b, axis):
    y = np.empty_like(x)
    for index in np.ndindex(x.shape):
        y[index] = x[index] + b[index[axis : axis + b.ndim]]
    return y


@pytest.mark.parametrize(("field", "axis", "shape"), LEARNED)
@pytest.mark.parametrize("in_place", [False, True])
def test_learned_matches_reference(device, rng, field, axis, shape, in_place):
    x, b = rng.standard_normal(X), rng.standard_normal(shape)
    layer, bottom, top = build(text(field), device, x, in_place=in_place)
    assert [blob.shape for blob in layer.blobs] == [shape]
    layer.blobs[0].data[...] = device.xp.asarray(b)
    layer.run_forward(bottom, top)
    expected = reference(x, b, axis)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)


@pytest.mark.parametrize(("axis", "shape"), GIVEN)
@pytest.mark.parametrize("in_place", [False, True])
def test_two_bottoms_match_reference(device, rng, axis, shape, in_place):
    x, b = rng.standard_normal(X), rng.standard_normal(shape)
    layer, bottom, top = build(text(f"axis: {axis}"), device, x, b, in_place=in_place)
    layer.run_forward(bottom, top)
    expected = reference(x, b, axis % 4)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)
    check_gradient(layer, bottom, top)


@pytest.mark.parametrize("field", [field for field, _, _ in LEARNED])
@pytest.mark.parametrize("in_place", [False, True])
def test_gradient_learned(device, rng, field, in_place):
    check_gradient(*build(text(field), device, rng.standard_normal(X), in_place=in_place))


def test_starts_as_its_filler_says(device):
    layer, _, _ = build(text("filler { value: 4 }"), device, np.ones(X))
    assert (device.to_numpy(layer.blobs[0].data) == 4).all()
    layer, _, _ = build(text(""), device, np.ones(X))
    assert not device.to_numpy(layer.blobs[0].data).any()


@pytest.mark.parametrize("wanted", [[False, False], [True, False], [False, True]])
def test_does_not_touch_what_is_not_asked_for(device, rng, wanted):
    layer, bottom, top = build(text(""), device, rng.standard_normal(X), np.ones(3))
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 777
    top[0].diff[...] = 1
    layer.run_backward(top, wanted, bottom)
    assert [bool((device.to_numpy(blob.diff) != 777).any()) for blob in bottom] == wanted


def test_leaves_a_parameter_that_does_not_learn(device):
    layer, bottom, top = build(text(""), device, np.ones(X))
    layer.param_propagate_down = [False]
    top[0].diff[...] = 1
    layer.run_backward(top, [True], bottom)
    assert not device.to_numpy(layer.blobs[0].diff).any()


def test_follows_its_bottom_to_another_shape(device, rng):
    layer, bottom, top = build(text(""), device, rng.standard_normal(X))
    bottom[0].reshape((4, 3, 7, 2))
    check_gradient(layer, bottom, top)


@pytest.mark.parametrize(
    ("field", "shapes", "error", "message"),
    [
        ("", [X, (4,)], ShapeError, r"has shape \(2, 3, 5, 4\), expected \(4,\) .* axis is 1"),
        ("axis: 3", [X, (4, 1)], ShapeError, r"expected \(4, 1\)"),
        ("axis: -5", [X], ShapeError, "axis is -5, expected one of the 4"),
        ("num_axes: 4", [X], LayerConfigError, r"num_axes is 4, expected -1..3"),
        ("num_axes: -2", [X], LayerConfigError, r"num_axes is -2"),
        ("", [X, (3,), (3,)], BlobCountError, r"3 bottom blob\(s\), expected 1..2"),
    ],
)
def test_refuses(device, field, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Bias\): .*{message}"):
        build(text(field), device, *map(np.ones, shapes))
