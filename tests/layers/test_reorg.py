"""Reorg: against the loops of the order it has to have, gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 8, 6, 4)


def text(fields="stride: 2"):
    return f'type: "Reorg" reorg_param {{ {fields} }}'


def places(c, h, w, s):
    """Pairs of flat places: in a (c, h, w) array and in the (c / s^2, h s, w s) one."""
    k = c // s**2
    for channel, row, column in np.ndindex(c, h, w):
        low, offset = channel % k, channel // k
        y, x = row * s + offset // s, column * s + offset % s
        yield column + w * (row + h * channel), x + w * s * (y + h * s * low)


@pytest.mark.parametrize(("shape", "stride"), [(X, 2), ((1, 18, 3, 9), 3), ((3, 2, 5, 7), 1)])
def test_order(device, rng, shape, stride):
    n, c, h, w = shape
    x = rng.permutation(float(np.prod(shape)) - np.arange(np.prod(shape))).reshape(shape)
    layer, bottom, top = build(text(f"stride: {stride}"), device, x)
    layer.run_forward(bottom, top)
    expected = np.empty((n, c * h * w))
    for small, large in places(c, h, w, stride):
        expected[:, small] = x.reshape(n, -1)[:, large]
    assert top[0].shape == (n, c * stride**2, h // stride, w // stride)
    np.testing.assert_array_equal(device.to_numpy(top[0].data).reshape(n, -1), expected)


@pytest.mark.parametrize(("shape", "stride"), [(X, 2), ((1, 18, 2, 5), 3)])
def test_reverse_order(device, rng, shape, stride):
    n, c, h, w = shape
    x = rng.permutation(float(np.prod(shape)) - np.arange(np.prod(shape))).reshape(shape)
    layer, bottom, top = build(text(f"stride: {stride} reverse: true"), device, x)
    layer.run_forward(bottom, top)
    expected = np.empty((n, c * h * w))
    for small, large in places(c, h, w, stride):
        expected[:, large] = x.reshape(n, -1)[:, small]
    assert top[0].shape == (n, c // stride**2, h * stride, w * stride)
    np.testing.assert_array_equal(device.to_numpy(top[0].data).reshape(n, -1), expected)


def test_an_example_worked_by_hand(device):
    """Four channels of 2 x 2, read as one plane of 4 x 4."""
    layer, bottom, top = build(text(), device, np.arange(16.0).reshape(1, 4, 2, 2))
    layer.run_forward(bottom, top)
    first = [0, 2, 8, 10]  # of that plane, each second value of each second row
    assert device.to_numpy(top[0].data).reshape(4, 4).tolist() == [
        first,
        [1, 3, 9, 11],
        [4, 6, 12, 14],
        [5, 7, 13, 15],
    ]
    assert top[0].shape == (1, 16, 1, 1)


@pytest.mark.parametrize("fields", ["stride: 2", "stride: 2 reverse: true"])
def test_gradient(device, rng, fields):
    check_gradient(*build(text(fields), device, rng.standard_normal(X)))


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal(X))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize(
    ("fields", "shape", "error", "message"),
    [
        ("", X, LayerConfigError, "stride is missing, expected at least 1"),
        ("stride: 0", X, LayerConfigError, "stride is 0, expected at least 1"),
        ("stride: 2", (2, 6, 4, 4), ShapeError, "has 6 channels, expected a multiple of 4"),
        ("stride: 2", (2, 4, 5, 4), ShapeError, "height and width to be multiples of stride, 2"),
        ("stride: 2", (2, 4, 4, 5), ShapeError, "height and width to be multiples of stride, 2"),
        ("stride: 2", X[1:], ShapeError, r"\(8, 6, 4\), expected \(N, C, H, W\)"),
    ],
)
def test_refuses(device, fields, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Reorg\): .*{message}"):
        build(text(fields), device, np.ones(shape))
