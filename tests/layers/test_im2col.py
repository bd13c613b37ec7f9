"""Im2col: against loops over positions, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

GEOMETRIES = {  # shape of x, definition; then kernel, stride, pad and dilation as it means them
    "square": ((2, 3, 6, 5), "kernel_size: 3 stride: 2 pad: 1", ((3, 3), (2, 2), (1, 1), (1, 1))),
    "oblong": (
        (2, 3, 6, 7),
        "kernel_h: 2 kernel_w: 3 pad_w: 2 dilation: 2",
        ((2, 3), (1, 1), (0, 2), (2, 2)),
    ),
    "one axis": ((2, 3, 9), "kernel_size: 4 stride: 3", ((4,), (3,), (0,), (1,))),
    "three axes": (
        (1, 2, 3, 4, 5),
        "kernel_size: 2 stride: 1 stride: 2 stride: 3 pad: 1",
        ((2, 2, 2), (1, 2, 3), (1, 1, 1), (1, 1, 1)),
    ),
    "channels from the end": (
        (2, 3, 4, 6),
        "axis: -2 kernel_size: 3",
        ((3,), (1,), (0,), (1,)),
    ),
    "elements left over": (
        (1, 2, 8, 7),
        "kernel_size: 2 stride: 3",
        ((2, 2), (3, 3), (0, 0), (1, 1)),
    ),
}


def text(fields):
    return f'type: "Im2col" convolution_param {{ {fields} }}'


def reference(x, kernel, stride, pad, dilation):
    """x (N, C, *size) to (N, C * taps, *out), one element after the other."""
    size = x.shape[2:]
    out = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, kernel, stride, pad, dilation, strict=True)
    ]
    y = np.zeros((*x.shape[:2], *kernel, *out))
    axes = len(kernel)
    for n, c, *place in np.ndindex(y.shape):
        tap, position = place[:axes], place[axes:]
        at = [
            q * s - p + t * d
            for q, s, p, t, d in zip(position, stride, pad, tap, dilation, strict=True)
        ]
        if all(0 <= i < length for i, length in zip(at, size, strict=True)):
            y[(n, c, *place)] = x[(n, c, *at)]
    return y.reshape(len(x), -1, *out)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_matches_reference(device, rng, geometry):
    shape, fields, window = GEOMETRIES[geometry]
    x = rng.standard_normal(shape)
    layer, bottom, top = build(text(fields), device, x)
    axis = layer.param.convolution_param.axis % len(shape)
    y = reference(x.reshape(-1, *shape[axis:]), *window)
    for _ in range(2):  # backward between them leaves nothing behind
        layer.run_forward(bottom, top)
        assert top[0].shape == (*shape[:axis], *y.shape[1:])
        np.testing.assert_array_equal(device.to_numpy(top[0].data), y.reshape(top[0].shape))
        top[0].diff[...] = 3
        layer.run_backward(top, [True], bottom)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_gradient(device, rng, geometry):
    shape, fields, _ = GEOMETRIES[geometry]
    check_gradient(*build(text(fields), device, rng.standard_normal(shape)))


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text("kernel_size: 2"), device, rng.standard_normal((1, 2, 3, 4)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_follows_its_bottom_to_other_shapes(device, rng):
    layer, bottom, top = build(
        text("kernel_size: 2 pad: 1"), device, rng.standard_normal((1, 2, 3, 4))
    )
    x = rng.standard_normal((3, 2, 5, 2))
    bottom[0].reshape(x.shape)
    bottom[0].data[...] = device.xp.asarray(x)
    layer.run_forward(bottom, top)
    expected = reference(x, (2, 2), (1, 1), (1, 1), (1, 1))
    np.testing.assert_array_equal(device.to_numpy(top[0].data), expected)


@pytest.mark.parametrize(
    ("fields", "shape", "error", "message"),
    [
        ("", (1, 2, 3, 4), LayerConfigError, "kernel_size is missing"),
        ("kernel_size: 2 kernel_h: 2 kernel_w: 2", (1, 2, 3, 4), LayerConfigError, "mixture"),
        ("kernel_size: 2 stride: 0", (1, 2, 3, 4), LayerConfigError, "stride is 0"),
        ("kernel_size: 2 dilation: 0", (1, 2, 3, 4), LayerConfigError, "dilation is 0"),
        ("kernel_size: 4", (1, 2, 3, 4), ShapeError, "spans 4 along axis 2 .*expected at most 3"),
        ("kernel_size: 1 axis: 4", (1, 2, 3, 4), ShapeError, "axis is 4"),
    ],
)
def test_refuses(device, fields, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Im2col\): .*{message}"):
        build(text(fields), device, np.ones(shape))


def test_refuses_other_channels_later(device):
    layer, bottom, top = build(text("kernel_size: 2"), device, np.ones((1, 2, 3, 4)))
    bottom[0].reshape((1, 3, 3, 4))
    with pytest.raises(ShapeError, match="expected 4 axes with 2 channels at axis 1"):
        layer.run_forward(bottom, top)
