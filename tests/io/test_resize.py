from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from minicaffe.errors import ArrayError
from minicaffe.io import resize_image

SIZES = [((7, 9), (4, 5)), ((7, 9), (13, 20)), ((3, 8), (5, 2)), ((2, 5), (1, 7)), ((6, 4), (1, 1))]


def kernel(order, t):
    """What a pixel counts at distance ``t``."""
    t = abs(t)
    if order == 1:
        return max(0.0, 1 - t)
    if t < 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def by_loops(im, size, order):
    """Each pixel a sum over all pixels of the image, in float64; the smallest value around it."""
    least, most = float(im.min()), float(im.max())
    unit = (im.astype(np.float64) - least) / (most - least)
    result = np.zeros((*size, im.shape[2]))
    for i, j, channel in np.ndindex(result.shape):
        y = (i + 0.5) * im.shape[0] / size[0] - 0.5
        x = (j + 0.5) * im.shape[1] / size[1] - 0.5
        if order == 0:
            result[i, j, channel] = unit[int(y + 0.5), int(x + 0.5), channel]
            continue
        for row, column in np.ndindex(im.shape[:2]):
            weight = kernel(order, y - row) * kernel(order, x - column)
            result[i, j, channel] += weight * unit[row, column, channel]
    return result.clip(0, 1) * (most - least) + least


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize(("old", "new"), SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_between_the_middles_of_pixels(old, new, channels, order, rng):
    im = rng.uniform(-30, 170, (*old, channels)).astype(np.float32)
    result = resize_image(im, new, interp_order=order)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, by_loops(im, new, order), atol=1e-4)


def test_numbers_of_scikit_image():
    """Made with its ``warp(..., mode="constant")``, 0.26: what ``resize`` was until 0.14."""
    im = (np.arange(24.0).reshape(2, 4, 3) ** 2 / 100).astype(np.float32)
    expected = [
        [0.0, 0.0525, 0.1875, 0.4125, 0.6075],
        [0.648, 1.035, 1.485, 2.043, 2.349],
        [1.08, 1.6725, 2.2875, 2.9925, 3.3075],
    ]
    np.testing.assert_allclose(resize_image(im, (3, 5))[..., 0], expected, atol=1e-6)


@pytest.mark.parametrize("order", [2, 4, 5])
def test_splines(order, rng):
    im = rng.random((8, 9, 3))
    im[0, 0, 0], im[1, 1, 1] = 0, 1
    result = resize_image(im, (5, 4), order)
    y, x = np.meshgrid((np.arange(5) + 0.5) * 8 / 5 - 0.5, (np.arange(4) + 0.5) * 9 / 4 - 0.5)
    for channel in range(3):
        expected = ndimage.map_coordinates(im[..., channel], [y.T, x.T], order=order).clip(0, 1)
        np.testing.assert_allclose(result[..., channel], expected, atol=1e-6)


@pytest.mark.parametrize("channels", [2, 4, 7])
def test_other_numbers_of_channels_from_corner_to_corner(channels, rng):
    im = rng.uniform(-30, 170, (7, 9, channels)).astype(np.float32)
    result = resize_image(im, (4, 17))
    assert result.shape == (4, 17, channels)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[::3, ::16], im[::6, ::8], rtol=1e-5)
    np.testing.assert_allclose(result[1, 3], (im[2, 1] + im[2, 2]) / 2, rtol=1e-4)


def test_an_image_of_its_size_stays(rng):
    im = rng.uniform(0, 255, (6, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(resize_image(im, (6, 5)), im, atol=1e-4)


@pytest.mark.parametrize("value", [0, 0.25, -7, 255])
def test_one_value_everywhere(value):
    result = resize_image(np.full((3, 4, 3), value, np.float32), (5, 6))
    np.testing.assert_array_equal(result, np.full((5, 6, 3), value, np.float32))
    assert result.dtype == np.float32


def test_bytes_are_numbers():
    im = np.array([[0, 200], [100, 250]], np.uint8)[..., np.newaxis]
    result = resize_image(im, (1, 1))
    np.testing.assert_allclose(result, [[[137.5]]])
    assert resize_image(im > 150, (1, 1)) == 0.5


def test_the_image_stays_as_it_is(rng):
    im = rng.random((5, 6, 3)).astype(np.float32)
    before = im.copy()
    resize_image(im, (3, 3))
    np.testing.assert_array_equal(im, before)


def test_sizes_may_be_an_array(rng):
    assert resize_image(rng.random((5, 6, 3)), np.array([2.0, 3.0])).shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("shape", "size", "order", "message"),
    [
        ((5, 6), (3, 3), 1, r"shape \(5, 6\), expected rows, columns and channels"),
        ((1, 5, 6, 3), (3, 3), 1, r"shape \(1, 5, 6, 3\)"),
        ((0, 6, 3), (3, 3), 1, r"shape \(0, 6, 3\)"),
        ((5, 6, 3), (0, 3), 1, r"new_dims is \(0, 3\), expected at least \(1, 1\)"),
        ((5, 6, 3), (3, 3), 6, "interp_order is 6, expected one of 0, 1, 2, 3, 4, 5"),
    ],
)
def test_refuses(shape, size, order, message):
    with pytest.raises(ArrayError, match=message):
        resize_image(np.zeros(shape), size, order)
