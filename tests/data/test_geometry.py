"""geometry: where windows lie, and what they look like scaled and turned."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.data.geometry import (
    Size,
    Window,
    random_sides,
    resize,
    turned,
    warp,
    windows_of,
)

IMAGE = Size(60, 83)


def bilinear(image, rows, columns):
    """Pixels of ``image`` (H, W) at any places; outside of it, the nearest."""
    rows, columns = np.clip(rows, 0, image.shape[0] - 1), np.clip(columns, 0, image.shape[1] - 1)
    i, j = np.floor(rows).astype(int), np.floor(columns).astype(int)
    below, right = np.minimum(i + 1, image.shape[0] - 1), np.minimum(j + 1, image.shape[1] - 1)
    v, u = rows - i, columns - j
    upper = image[i, j] * (1 - u) + image[i, right] * u
    lower = image[below, j] * (1 - u) + image[below, right] * u
    return upper * (1 - v) + lower * v


def seen(image, window, degrees, size):
    """What ``warp`` should show, in float64: each pixel goes back the way it came."""
    i, j = np.mgrid[: size[0], : size[1]]
    down = ((i + 0.5) / size[0] - 0.5) * window.height
    right = ((j + 0.5) / size[1] - 0.5) * window.width
    turn = (right + 1j * -down) * np.exp(-1j * np.radians(degrees))  # y upwards, as in geometry
    rows = window.top + window.height / 2 - turn.imag - 0.5
    columns = window.left + window.width / 2 + turn.real - 0.5
    return bilinear(image.astype(np.float64), rows, columns)


def smooth(rng, shape, dtype):
    """An image without sharp edges, so that a 32nd of a pixel hardly shows."""
    i, j = np.mgrid[: shape[0], : shape[1]]
    waves = np.sin(i / 5 + rng.random()) + np.sin(j / 7 + i / 9 + rng.random())
    return (127 + 60 * waves).astype(dtype)


def shown(image, window, degrees, size):
    y = np.empty((*size, *image.shape[2:]), image.dtype)
    warp(image, turned(np.array([window]), np.array([degrees]), Size(*size))[0], y)
    return y


def sides(rng, count, image=IMAGE, min_area=0.08, max_aspect=4 / 3):
    return random_sides(image, rng.random(count), rng.random(count), min_area, max_aspect)


def test_areas_are_uniform(rng):
    height, width = sides(rng, 20000, Size(600, 600)).T
    area = height * width / 600**2
    assert 0.079 < area.min() < 0.09
    assert 0.98 < area.max() <= 1
    counts = np.histogram(area, bins=8, range=(0.08, 1))[0]
    assert counts.min() > 2500 * 0.9
    assert counts.max() < 2500 * 1.1


def test_aspects_are_within_their_range_and_as_often_wide_as_high(rng):
    height, width = sides(rng, 20000, Size(600, 600), 0.05).T
    aspect = width / height
    assert 0.99 / (4 / 3) < aspect.min() < 0.76
    assert 1.32 < aspect.max() < 1.01 * 4 / 3
    assert abs(np.log(aspect).mean()) < 0.01
    small = aspect[height * width < 600**2 / 2]  # any aspect fits
    counts = np.histogram(np.log(small), bins=6, range=(-np.log(4 / 3), np.log(4 / 3)))[0]
    assert counts.min() > len(small) / 6 * 0.9


@pytest.mark.parametrize("image", [Size(60, 83), Size(83, 60), Size(9, 100), Size(1, 1)])
@pytest.mark.parametrize(("min_area", "max_aspect"), [(0.08, 4 / 3), (1, 1), (0.5, 3)])
def test_windows_lie_in_the_image_whatever_it_is(rng, image, min_area, max_aspect):
    found = sides(rng, 500, image, min_area, max_aspect)
    places = rng.random((500, 2))
    places[:2] = [[0, 0], [1 - 1e-16, 1 - 1e-16]]
    windows = windows_of(image, found, places)
    assert (windows[:, 2:] == found).all()
    assert (windows[:, 2:] >= 1).all()
    assert (windows[:, :2] >= 0).all()
    assert (windows[:, :2] + windows[:, 2:] <= image).all()


def test_a_narrow_image_gives_the_largest_windows_that_it_can(rng):
    found = sides(rng, 100, Size(20, 100), 0.9, 1.5)
    assert (found == [20, 30]).all()


def test_the_whole_of_a_square_image(rng):
    assert (sides(rng, 100, Size(50, 50), 1, 1) == 50).all()


def test_windows_reach_every_place(rng):
    windows = windows_of(Size(5, 6), np.tile([3, 4], (6000, 1)), rng.random((6000, 2)))
    counts = np.unique(windows[:, 0] * 10 + windows[:, 1], return_counts=True)
    assert counts[0].tolist() == [0, 1, 2, 10, 11, 12, 20, 21, 22]
    assert counts[1].min() > 6000 / 9 * 0.8


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("size", [(40, 33), (25, 60), (60, 90)])
def test_resize_is_bilinear(rng, dtype, size):
    image, window = smooth(rng, IMAGE, dtype), Window(7, 11, 44, 52)
    y = np.empty(size, dtype)
    resize(image, window, y)
    i = (np.arange(size[0]) + 0.5) * window.height / size[0] - 0.5
    j = (np.arange(size[1]) + 0.5) * window.width / size[1] - 0.5
    part = image[7:51, 11:63].astype(np.float64)
    expected = bilinear(part, i[:, None], j[None])
    np.testing.assert_allclose(y, expected, atol=1.1 if dtype == np.uint8 else 1e-3)


@pytest.mark.parametrize("channels", [(), (2,), (3,), (4,)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_resize_to_its_own_size_is_a_crop(rng, dtype, channels):
    image = (rng.random((*IMAGE, *channels)) * 255).astype(dtype)
    y = np.empty((30, 40, *channels), dtype)
    resize(image, Window(13, 21, 30, 40), y)
    np.testing.assert_array_equal(y, image[13:43, 21:61])


def test_a_window_that_shrinks_is_averaged(rng):
    image = rng.random((60, 80)).astype(np.float32)
    y = np.empty((10, 20), np.float32)
    resize(image, Window(10, 20, 40, 60), y)
    expected = image[10:50, 20:80].reshape(10, 4, 20, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(y, expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("degrees", [-37.5, 12, 90, 170])
@pytest.mark.parametrize(
    ("window", "size"),
    [
        (Window(0, 0, *IMAGE), IMAGE),
        (Window(7, 11, 30, 40), (30, 40)),
        (Window(20, 3, 25, 48), (40, 33)),
        (Window(0, 40, 60, 43), (36, 36)),
    ],
)
def test_warp_shows_the_window_turned(rng, dtype, degrees, window, size):
    image = smooth(rng, IMAGE, dtype)
    found = shown(image, window, degrees, size)
    np.testing.assert_allclose(found, seen(image, window, degrees, size), atol=2)


@pytest.mark.parametrize("channels", [(), (2,), (3,), (4,)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("quarters", [-1, 0, 1, 2])
@pytest.mark.parametrize("side", [7, 64])
def test_quarter_turns_are_exact(rng, dtype, quarters, channels, side):
    image = (rng.random((side, side, *channels)) * 255).astype(dtype)
    found = shown(image, Window(0, 0, side, side), 90 * quarters, (side, side))
    np.testing.assert_array_equal(found, np.rot90(image, quarters))


def test_what_comes_in_is_what_lies_around_and_then_the_nearest_pixel(rng):
    image = rng.random((9, 9)).astype(np.float32)
    found = shown(image, Window(0, 2, 4, 6), 90, (4, 6))
    turned_about = np.rot90(np.pad(image, ((1, 0), (0, 0)), mode="edge")[:6, 3:7])
    np.testing.assert_array_equal(found, turned_about)


def test_warp_averages_where_it_shrinks(rng):
    noise = rng.random((400, 300)).astype(np.float32)
    found = shown(noise, Window(0, 0, 400, 300), 20, (50, 38))
    assert found.std() < 0.08  # of pixels taken as they are 0.2, of the mean of 64 0.04
    image, window = smooth(rng, (400, 300), np.float32), Window(100, 90, 180, 120)
    expected = seen(image, window, 20, (180, 120)).reshape(60, 3, 40, 3).mean(axis=(1, 3))
    found = shown(image, window, 20, (60, 40))
    assert (found - expected).std() < 2  # half a pixel aside: 3.4
