"""ops.transform: the reference against loops, the compiled body against the reference."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from minicaffe.ops.transform import crop_mirror_scale, recolour

N, C, H, W, CROP = 5, 3, 7, 10, (4, 6)
BODIES = [lambda op: partial(op.reference, np), lambda op: op.compiled]


def inputs(rng, dtype, pixels, interleaved, whole, channels=C):
    shape = (N, H, W, channels) if interleaved else (N, channels, H, W)
    x = rng.integers(0, 256, shape).astype(np.uint8)
    if pixels == np.float32:
        x = (rng.standard_normal(shape) * 100).astype(np.float32)
    mean = (rng.random((channels, H, W) if whole else (channels, 1, 1)) * 200).astype(dtype)
    rows, columns = rng.integers(0, H - 3, (N, 2)).T, rng.integers(0, W - 5, (N, 2)).T
    windows = np.stack([rows[0], columns[0], np.arange(N) % 2, rows[1], columns[1]], 1)
    last = H - CROP[0], W - CROP[1]
    windows[:2] = [[0, 0, 1, *last], [*last, 0, 0, 0]]
    return x, mean, windows


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("interleaved", [False, True])
def test_reference_is_the_formula(rng, interleaved, whole):
    x, mean, windows = inputs(rng, np.float64, np.uint8, interleaved, whole)
    y = np.full((N, C, *CROP), np.nan)
    crop_mirror_scale.reference(np, x, mean, windows, y, 0.25, interleaved)
    for n, c, i, j in np.ndindex(y.shape):
        top, left, mirror, mean_top, mean_left = windows[n]
        k = CROP[1] - 1 - j if mirror else j
        pixel = x[n, top + i, left + k, c] if interleaved else x[n, c, top + i, left + k]
        m = mean[c, mean_top + i, mean_left + k] if whole else mean[c, 0, 0]
        assert y[n, c, i, j] == (float(pixel) - m) * 0.25


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("pixels", [np.uint8, np.float32])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_compiled_is_the_reference_to_the_bit(rng, dtype, pixels, interleaved, whole, channels):
    x, mean, windows = inputs(rng, dtype, pixels, interleaved, whole, channels)
    if pixels == np.float32:
        x.reshape(-1)[:3] = np.nan, np.inf, -np.inf
    found, expected = np.empty((2, N, channels, *CROP), dtype)
    crop_mirror_scale.compiled(x, mean, windows, found, 0.1, interleaved)
    crop_mirror_scale.reference(np, x, mean, windows, expected, 0.1, interleaved)
    np.testing.assert_array_equal(found, expected)


def test_a_whole_mean_of_one_row_is_not_a_mean_a_channel(rng):
    x = rng.integers(0, 256, (2, 3, 1, 5)).astype(np.uint8)
    mean = rng.random((3, 1, 5)).astype(np.float32)
    found, expected = np.empty((2, 2, 3, 1, 5), np.float32)
    windows = np.zeros((2, 5), np.int64)
    crop_mirror_scale.compiled(x, mean, windows, found, 1.0, False)
    crop_mirror_scale.reference(np, x, mean, windows, expected, 1.0, False)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(expected, x - mean)


@pytest.mark.parametrize("body", BODIES)
def test_of_a_whole_image_in_place(rng, body):
    x = rng.random((4, 3, 5, 6))
    mean, y = rng.random((3, 9, 9)), x.copy()
    windows = np.array([[0, 0, n % 2, n, 3] for n in range(4)])
    body(crop_mirror_scale)(y, mean, windows, y, 2.0, False)
    for n in range(4):
        expected = (x[n] - mean[:, n : n + 5, 3:9]) * 2
        np.testing.assert_array_equal(y[n], expected[..., :: -1 if n % 2 else 1])


def colours(rng):
    mix = rng.standard_normal((N, 3, 3))
    mix[:, :, 2] = 1 - mix[:, :, :2].sum(axis=2)
    return rng.standard_normal(N) * 20, rng.random(N) * 2, mix


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_recolour_is_the_formula(rng, channels):
    x = rng.random((N, channels, 4, 7)) * 255
    offset, contrast, mix = colours(rng)
    y = x.copy()
    recolour.reference(np, y, offset, contrast, mix)
    for n, i, j in np.ndindex(N, 4, 7):
        m = x[n].mean()
        colour = x[n, :, i, j] - m
        if channels == 3:
            colour = mix[n] @ colour
        expected = contrast[n] * colour + m + offset[n]
        np.testing.assert_allclose(y[n, :, i, j], expected, atol=1e-9)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_recolour_compiled_is_the_reference(rng, dtype, channels):
    x = (rng.random((N, channels, 13, 7)) * 255).astype(dtype)
    found, expected = x.copy(), x.copy()
    recolour.compiled(found, *colours(np.random.default_rng(3)))
    recolour.reference(np, expected, *colours(np.random.default_rng(3)))
    np.testing.assert_allclose(found, expected, atol=2e-3 if dtype == np.float32 else 1e-10)


@pytest.mark.parametrize("body", BODIES)
def test_recolour_of_nothing_changes_no_bit(rng, body):
    x = (rng.random((N, 3, 4, 7)) * 255).astype(np.float32)
    y = x.copy()
    nothing = np.zeros(N), np.ones(N), np.tile(np.eye(3), (N, 1, 1))
    body(recolour)(y, *nothing)
    np.testing.assert_array_equal(y, x)
