"""SPP: against loops over bins, its gradient, and what it refuses."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

SHAPES = [(2, 3, 9, 8), (1, 2, 7, 16)]


def text(fields):
    return f'type: "SPP" spp_param {{ {fields} }}'


def bins(size, count):
    """(start, stop) of each bin, pad included."""
    kernel = ceil(size / count)
    pad = (kernel * count - size + 1) // 2
    return [(i * kernel - pad, min(i * kernel - pad + kernel, size + pad)) for i in range(count)]


def reference(x, height, largest):
    rows = []
    for image in x:
        row = []
        for level in range(height):
            for plane in image:
                for h0, h1 in bins(plane.shape[0], 2**level):
                    for w0, w1 in bins(plane.shape[1], 2**level):
                        inside = plane[max(h0, 0) : h1, max(w0, 0) : w1]
                        area = (h1 - h0) * (w1 - w0)
                        row.append(inside.max() if largest else inside.sum() / area)
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("height", [1, 2, 3])
@pytest.mark.parametrize("pool", ["MAX", "AVE"])
def test_matches_reference(device, rng, shape, height, pool):
    x = rng.standard_normal(shape)
    layer, bottom, top = build(text(f"pyramid_height: {height} pool: {pool}"), device, x)
    layer.run_forward(bottom, top)
    assert top[0].shape == (shape[0], shape[1] * (4**height - 1) // 3)
    expected = reference(x, height, pool == "MAX")
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-9)


@pytest.mark.parametrize("height", [1, 3])
@pytest.mark.parametrize("pool", ["MAX", "AVE"])
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_gradient(device, rng, height, pool, phase):
    x = rng.permutation(np.arange(2.0 * 4 * 7)).reshape(1, 2, 4, 7)  # no ties
    fields = text(f"pyramid_height: {height} pool: {pool}")
    check_gradient(*build(f"{fields} phase: {phase}", device, x))


def test_stochastic(device, rng):
    """In TEST the weighted mean; in TRAIN elements of the map, as Pooling draws them."""
    x = rng.uniform(0, 1, (1, 2, 4, 8))
    fields = "pyramid_height: 3 pool: STOCHASTIC"
    layer, bottom, top = build(text(fields) + "phase: TEST", device, x)
    layer.run_forward(bottom, top)
    parts = [
        x[0, c, h : h + 4 // n, w : w + 8 // n]
        for n in (1, 2, 4)
        for c in range(2)
        for h in range(0, 4, 4 // n)
        for w in range(0, 8, 8 // n)
    ]
    expected = [(part**2).sum() / part.sum() for part in parts]
    np.testing.assert_allclose(device.to_numpy(top[0].data), [expected], rtol=1e-9)
    check_gradient(layer, bottom, top)
    layer, bottom, top = build(text(fields), device, x)
    layer.run_forward(bottom, top)
    assert set(device.to_numpy(top[0].data).reshape(-1)) <= set(x.reshape(-1))


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
def test_leaves_what_is_not_asked_for(device, rng, pool):
    x = rng.standard_normal((1, 2, 3, 4))
    layer, bottom, top = build(text(f"pyramid_height: 2 pool: {pool}"), device, x)
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_follows_its_bottom_to_other_shapes(device, rng):
    """What it is for: the top stays as it is."""
    layer, bottom, top = build(text("pyramid_height: 2"), device, rng.standard_normal((2, 3, 4, 5)))
    for shape in [(2, 3, 9, 6), (1, 3, 3, 2)]:
        x = rng.standard_normal(shape)
        bottom[0].reshape(shape)
        bottom[0].data[...] = device.xp.asarray(x)
        layer.run_forward(bottom, top)
        np.testing.assert_allclose(device.to_numpy(top[0].data), reference(x, 2, True), rtol=1e-9)


@pytest.mark.parametrize(
    ("fields", "shape", "error", "message"),
    [
        ("", (1, 2, 3, 4), LayerConfigError, "pyramid_height is missing, expected at least 1"),
        ("pyramid_height: 0", (1, 2, 3, 4), LayerConfigError, "pyramid_height is 0"),
        ("pyramid_height: 1", (1, 2, 3), ShapeError, r"expected \(N, C, H, W\)"),
        ("pyramid_height: 1", (1, 2, 0, 3), ShapeError, "0 long along H"),
        (
            "pyramid_height: 3",
            (1, 2, 8, 3),
            ShapeError,
            "3 long along W.*3 is too large",
        ),
        ("pyramid_height: 3", (1, 2, 5, 8), ShapeError, "5 long along H.*4 windows of 2"),
        (
            "pyramid_height: 2 pool: STOCHASTIC",
            (1, 2, 4, 7),
            ShapeError,
            "bottom.0. is 4 x 7, expected multiples of 2 with pool STOCHASTIC",
        ),
        ("pyramid_height: 4000000000", (1, 2, 8, 8), ShapeError, "too large"),
    ],
)
def test_refuses(device, fields, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(SPP\): .*{message}"):
        build(text(fields), device, np.ones(shape))
