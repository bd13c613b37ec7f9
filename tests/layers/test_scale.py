"""Scale: against loops over elements, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5, 4)  # no two axes alike: a mixed-up axis must not go unseen


def text(field):
    return f'type: "Scale" scale_param {{ {field} }}'


def reference(x, s, axis, b=0.0):
    y = np.empty_like(x)
    for index in np.ndindex(x.shape):
        inner = index[axis : axis + s.ndim]
        y[index] = x[index] * s[inner] + (b[inner] if np.ndim(b) else b)
    return y


@pytest.mark.parametrize(
    ("axis", "shape"),
    [(0, (2,)), (1, (3,)), (1, (3, 5)), (-1, (4,)), (-2, (5, 4)), (0, X), (9, ())],
)
@pytest.mark.parametrize("in_place", [False, True])
def test_two_bottoms_match_reference(device, rng, axis, shape, in_place):
    x, s = rng.standard_normal(X), rng.standard_normal(shape)
    layer, bottom, top = build(text(f"axis: {axis}"), device, x, s, in_place=in_place)
    assert not layer.blobs
    layer.run_forward(bottom, top)
    expected = reference(x, s, axis % 4)  # a scalar has no axis
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("field", "axis", "shape"),
    [
        ("num_axes: 0", 1, ()),
        ("", 1, (3,)),
        ("num_axes: 2", 1, (3, 5)),
        ("num_axes: -1", 1, (3, 5, 4)),
        ("axis: 0 num_axes: -1", 0, X),
        ("axis: -2", 2, (5,)),
        ("axis: -1 num_axes: -1", 3, (4,)),
    ],
)
@pytest.mark.parametrize("in_place", [False, True])
def test_learned_factor_and_bias_match_reference(device, rng, field, axis, shape, in_place):
    x, s, b = (rng.standard_normal(size) for size in (X, shape, shape))
    layer, bottom, top = build(text(f"{field} bias_term: true"), device, x, in_place=in_place)
    assert [blob.shape for blob in layer.blobs] == [shape, shape]
    for blob, value in zip(layer.blobs, (s, b), strict=True):
        blob.data[...] = device.xp.asarray(value)
    layer.run_forward(bottom, top)
    expected = reference(x, s, axis, b)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)


def test_starts_as_identity(device, rng):
    x = rng.standard_normal(X)
    layer, bottom, top = build(text("bias_term: true"), device, x)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), x)


def test_a_filler_goes_before_the_identity(device):
    layer, _, _ = build(text("filler { } bias_term: true bias_filler { value: 2 }"), device, X_ONES)
    assert [float(blob.data[0]) for blob in layer.blobs] == [0, 2]


X_ONES = np.ones(X)


@pytest.mark.parametrize("shape", [(3,), (3, 5), ()])
@pytest.mark.parametrize("bias", ["true", "false"])
@pytest.mark.parametrize("in_place", [False, True])
def test_gradient_two_bottoms(device, rng, shape, bias, in_place):
    x, s = rng.standard_normal(X), rng.standard_normal(shape)
    check_gradient(*build(text(f"bias_term: {bias}"), device, x, s, in_place=in_place))


@pytest.mark.parametrize("num_axes", [0, 1, 2, -1])
@pytest.mark.parametrize("in_place", [False, True])
def test_gradient_learned(device, rng, num_axes, in_place):
    field = f"num_axes: {num_axes} bias_term: true"
    check_gradient(*build(text(field), device, rng.standard_normal(X), in_place=in_place))


def test_gradient_of_a_vector_an_item(device, rng):
    check_gradient(*build(text("bias_term: true"), device, rng.standard_normal((5, 3))))


def test_does_not_touch_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(""), device, rng.standard_normal(X), np.ones(3))
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 7
    top[0].diff[...] = 1
    layer.run_backward(top, [False, False], bottom)
    assert all((device.to_numpy(blob.diff) == 7).all() for blob in bottom)


@pytest.mark.parametrize("wanted", [[True, False], [False, True]])
def test_leaves_parameters_that_do_not_learn(device, rng, wanted):
    layer, bottom, top = build(text("bias_term: true"), device, rng.standard_normal(X))
    layer.param_propagate_down = wanted
    layer.run_forward(bottom, top)
    top[0].diff[...] = 1
    layer.run_backward(top, [True], bottom)
    assert [bool((device.to_numpy(blob.diff) != 0).any()) for blob in layer.blobs] == wanted


def test_in_place_keeps_no_copy_where_the_factor_does_not_learn(device, rng):
    x = rng.standard_normal(X)
    layer, bottom, top = build(text("bias_term: true"), device, x, in_place=True)
    layer.param_propagate_down = [False, True]
    layer.run_forward(bottom, top)
    top[0].diff[...] = 2
    layer.run_backward(top, [True], bottom)
    assert (device.to_numpy(layer.blobs[1].diff) == 2 * 40).all()
    assert (device.to_numpy(bottom[0].diff) == 2).all()


@pytest.mark.parametrize("in_place", [False, True])
def test_follows_its_bottom_to_another_shape(device, rng, in_place):
    layer, bottom, top = build(text(""), device, rng.standard_normal(X), in_place=in_place)
    for shape in [(4, 3, 7, 2), (1, 3, 2)]:
        bottom[0].reshape(shape)
        check_gradient(layer, bottom, top)


@pytest.mark.parametrize(
    ("field", "shapes", "error", "message"),
    [
        ("", [X, (4,)], ShapeError, r"has shape \(2, 3, 5, 4\), expected \(4,\) .* axis is 1"),
        ("", [X, (3, 5, 4, 6)], ShapeError, r"expected \(3, 5, 4, 6\)"),
        ("axis: 4", [X], ShapeError, "axis is 4, expected one of the 4"),
        ("axis: -5 num_axes: 0", [X], ShapeError, "axis is -5"),
        ("num_axes: 4", [X], LayerConfigError, r"num_axes is 4, expected -1..3"),
        ("num_axes: -2", [X], LayerConfigError, r"num_axes is -2"),
        ("", [X, (3,), (3,)], BlobCountError, r"3 bottom blob\(s\), expected 1..2"),
    ],
)
def test_refuses(device, field, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Scale\): .*{message}"):
        build(text(field), device, *map(np.ones, shapes))


def test_refuses_a_bottom_that_its_factor_no_longer_fits(device):
    layer, bottom, top = build(text(""), device, np.ones(X))
    bottom[0].reshape((2, 4, 5))
    with pytest.raises(ShapeError, match=r"\(2, 4, 5\), expected \(3,\) at its axes from 1 on"):
        layer.run_forward(bottom, top)
