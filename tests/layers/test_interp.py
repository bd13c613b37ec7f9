"""Interp: against loops over the formula, its sizes, gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5, 4)


def text(fields):
    return f'type: "Interp" interp_param {{ {fields} }}'


def reference(x, height, width):
    y = np.empty((*x.shape[:2], height, width))
    for i in range(height):
        for j in range(width):
            h = i * (x.shape[2] - 1) / (height - 1) if height > 1 else 0
            w = j * (x.shape[3] - 1) / (width - 1) if width > 1 else 0
            top, left = int(h + 1e-9), int(w + 1e-9)
            down, right = h - top, w - left
            bottom, far = min(top + 1, x.shape[2] - 1), min(left + 1, x.shape[3] - 1)
            y[:, :, i, j] = (1 - down) * (
                (1 - right) * x[:, :, top, left] + right * x[:, :, top, far]
            ) + down * ((1 - right) * x[:, :, bottom, left] + right * x[:, :, bottom, far])
    return y


SIZES = [
    ("height: 9 width: 13", (9, 13)),
    ("height: 5 width: 4", (5, 4)),
    ("height: 2 width: 3", (2, 3)),
    ("height: 1 width: 7", (1, 7)),
    ("height: 7 width: 1", (7, 1)),
    ("zoom_factor: 2", (9, 7)),
    ("zoom_factor: 1", (5, 4)),
    ("shrink_factor: 2", (3, 2)),
    ("shrink_factor: 9", (1, 1)),
    ("shrink_factor: 2 zoom_factor: 3", (7, 4)),
]


@pytest.mark.parametrize(("fields", "size"), SIZES)
def test_matches_reference(device, rng, fields, size):
    x = rng.standard_normal(X)
    layer, bottom, top = build(text(fields), device, x)
    layer.run_forward(bottom, top)
    assert top[0].shape == (2, 3, *size)
    np.testing.assert_allclose(device.to_numpy(top[0].data), reference(x, *size), atol=1e-12)
    check_gradient(layer, bottom, top)


@pytest.mark.parametrize(
    ("fields", "cut", "size"),
    [
        ("height: 6 width: 5 pad_beg: -1", np.s_[:, :, 1:, 1:], (6, 5)),
        ("zoom_factor: 2 pad_end: -2", np.s_[:, :, :-2, :-2], (5, 3)),
        ("shrink_factor: 2 pad_beg: -1 pad_end: -1", np.s_[:, :, 1:-1, 1:-1], (2, 1)),
    ],
)
def test_cuts_off(device, rng, fields, cut, size):
    x = rng.standard_normal(X)
    layer, bottom, top = build(text(fields), device, x)
    layer.run_forward(bottom, top)
    expected = reference(x[cut], *size)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, atol=1e-12)
    check_gradient(layer, bottom, top)


def test_an_example_worked_by_hand(device):
    x = np.array([[[[0.0, 3, 9], [6, 9, 15]]]])
    layer, bottom, top = build(text("height: 3 width: 5"), device, x)
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data)[0, 0].tolist() == [
        [0, 1.5, 3, 6, 9],
        [3, 4.5, 6, 9, 12],
        [6, 7.5, 9, 12, 15],
    ]


def test_the_corners_stay(device, rng):
    """Bit for bit, whatever the sizes."""
    x = rng.standard_normal((1, 1, 60, 60)).astype(np.float32)
    for size in (473, 713, 89):
        layer, bottom, top = build(
            text(f"height: {size} width: {size + 1}"), device, x, dtype=np.float32
        )
        layer.run_forward(bottom, top)
        y = device.to_numpy(top[0].data)
        for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
            assert y[0, 0, row, column] == x[0, 0, row, column]


@pytest.mark.parametrize("shape", [(0, 3, 5, 4), (2, 0, 5, 4)])
def test_takes_nothing(device, shape):
    layer, bottom, top = build(text("zoom_factor: 2"), device, np.zeros(shape))
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True], bottom)
    assert top[0].shape == (*shape[:2], 9, 7)


def test_follows_its_bottom_to_another_shape(device, rng):
    layer, bottom, top = build(text("zoom_factor: 2"), device, rng.standard_normal(X))
    bottom[0].reshape((1, 2, 3, 6))
    bottom[0].data[...] = device.xp.asarray(rng.standard_normal((1, 2, 3, 6)))
    check_gradient(layer, bottom, top)
    assert top[0].shape == (1, 2, 5, 11)


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text("zoom_factor: 2"), device, rng.standard_normal(X))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize(
    ("fields", "shape", "error", "message"),
    [
        ("", X, LayerConfigError, "no size is given, expected height and width, or zoom_factor"),
        ("height: 3", X, LayerConfigError, "height alone is given"),
        ("height: 3 width: 2 zoom_factor: 2", X, LayerConfigError, "zoom_factor and height are"),
        ("height: 0 width: 2", X, LayerConfigError, "height is 0, expected at least 1"),
        ("zoom_factor: 0", X, LayerConfigError, "zoom_factor is 0, expected at least 1"),
        ("shrink_factor: -1", X, LayerConfigError, "shrink_factor is -1, expected at least 1"),
        ("zoom_factor: 2 pad_beg: 1", X, LayerConfigError, "pad_beg is 1, expected 0 or less"),
        ("zoom_factor: 2 pad_end: 1", X, LayerConfigError, "pad_end is 1, expected 0 or less"),
        ("zoom_factor: 2 pad_beg: -2 pad_end: -2", X, ShapeError, "cut off 4, expected that"),
        ("zoom_factor: 2", X[1:], ShapeError, r"\(3, 5, 4\), expected \(N, C, H, W\)"),
    ],
)
def test_refuses(device, fields, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Interp\): .*{message}"):
        build(text(fields), device, np.ones(shape))
