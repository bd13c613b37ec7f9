"""ops.transform: the reference against loops, the compiled body against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.ops.transform import crop_mirror_scale

N, C, H, W, CROP = 5, 3, 7, 10, (4, 6)


def inputs(rng, dtype, pixels, interleaved, whole):
    shape = (N, H, W, C) if interleaved else (N, C, H, W)
    x = rng.integers(0, 256, shape).astype(np.uint8)
    if pixels == np.float32:
        x = (rng.standard_normal(shape) * 100).astype(np.float32)
    mean = (rng.random((C, H, W) if whole else (C, 1, 1)) * 200).astype(dtype)
    windows = np.stack([rng.integers(0, H - 3, N), rng.integers(0, W - 5, N), np.arange(N) % 2], 1)
    windows[:2] = [[0, 0, 1], [H - CROP[0], W - CROP[1], 0]]
    return x, mean, windows


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("interleaved", [False, True])
def test_reference_is_the_formula(rng, interleaved, whole):
    x, mean, windows = inputs(rng, np.float64, np.uint8, interleaved, whole)
    y = np.full((N, C, *CROP), np.nan)
    crop_mirror_scale.reference(np, x, mean, windows, y, 0.25, interleaved)
    for n, c, i, j in np.ndindex(y.shape):
        top, left, mirror = windows[n]
        column = left + (CROP[1] - 1 - j if mirror else j)
        pixel = x[n, top + i, column, c] if interleaved else x[n, c, top + i, column]
        m = mean[c, top + i, column] if whole else mean[c, 0, 0]
        assert y[n, c, i, j] == (float(pixel) - m) * 0.25


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("pixels", [np.uint8, np.float32])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compiled_is_the_reference_to_the_bit(rng, dtype, pixels, interleaved, whole):
    x, mean, windows = inputs(rng, dtype, pixels, interleaved, whole)
    if pixels == np.float32:
        x.reshape(-1)[:3] = np.nan, np.inf, -np.inf
    found, expected = np.empty((2, N, C, *CROP), dtype)
    crop_mirror_scale.compiled(x, mean, windows, found, 0.1, interleaved)
    crop_mirror_scale.reference(np, x, mean, windows, expected, 0.1, interleaved)
    np.testing.assert_array_equal(found, expected)


def test_a_whole_mean_of_one_row_is_not_a_mean_a_channel(rng):
    x = rng.integers(0, 256, (2, 3, 1, 5)).astype(np.uint8)
    mean = rng.random((3, 1, 5)).astype(np.float32)
    found, expected = np.empty((2, 2, 3, 1, 5), np.float32)
    windows = np.zeros((2, 3), np.int64)
    crop_mirror_scale.compiled(x, mean, windows, found, 1.0, False)
    crop_mirror_scale.reference(np, x, mean, windows, expected, 1.0, False)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(expected, x - mean)
