"""Permute: by hand, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

X = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)


def text(*order):
    return f'type: "Permute" permute_param {{ {" ".join(f"order: {axis}" for axis in order)} }}'


@pytest.mark.parametrize(
    ("order", "whole"),
    [
        ((0, 2, 3, 1), (0, 2, 3, 1)),
        ((3, 0), (3, 0, 1, 2)),  # the rest follows
        ((2,), (2, 0, 1, 3)),
        ((), (0, 1, 2, 3)),
        ((0, 1, 2, 3), (0, 1, 2, 3)),
    ],
)
def test_axes_change_places(device, order, whole):
    layer, bottom, top = build(text(*order), device, X)
    layer.run_forward(bottom, top)
    y = device.to_numpy(top[0].data)
    assert y.shape == tuple(X.shape[axis] for axis in whole)
    for index in np.ndindex(*y.shape):
        place = [0] * 4
        for axis, i in zip(whole, index, strict=True):
            place[axis] = i
        assert y[index] == X[tuple(place)]
    check_gradient(layer, bottom, top)


def test_other_axes(device):
    layer, bottom, top = build(text(1, 0), device, X[0, 0])
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), X[0, 0].T)
    bottom[0].reshape((3, 0, 2))
    layer.run_forward(bottom, top)
    assert top[0].shape == (0, 3, 2)


def test_a_gradient_that_is_not_wanted_is_left_alone(device):
    layer, bottom, top = build(text(0, 2), device, X)
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    top[0].diff[...] = 1
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_backward_reads_no_data(device):
    """What is not in ``backward_reads`` may be overwritten before."""
    layer, bottom, top = build(text(1, 0), device, X[0, 0])
    assert layer.backward_reads == ()
    layer.run_forward(bottom, top)
    bottom[0].data[...], top[0].data[...] = np.nan, np.nan
    top[0].diff[...] = device.xp.asarray(X[0, 0].T)
    layer.run_backward(top, [True], bottom)
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), X[0, 0])


def test_what_it_refuses(device):
    with pytest.raises(LayerConfigError, match=r"order is \[0, 2, 2\], expected each axis once"):
        build(text(0, 2, 2), device, X)
    with pytest.raises(ShapeError, match=r"order names axis 4, expected axes of bottom\[0\]"):
        build(text(0, 4), device, X)
    with pytest.raises(LayerConfigError, match=r"Permute does not work in place"):
        build(text(1, 0), device, X, in_place=True)
