from __future__ import annotations

import io as streams
import os
import struct

import cv2
import numpy as np
import pytest

from minicaffe.errors import ArrayError, DataError
from minicaffe.io import ImageFileError, load_image, oversample

LUMINANCE = 0.2125, 0.7154, 0.0721


@pytest.fixture
def rgb(rng):
    return rng.integers(0, 256, (5, 7, 3), np.uint8)


def save(path, pixels):
    """``pixels`` (red first) in a file that OpenCV writes."""
    if pixels.ndim == 3:
        order = [2, 1, 0, 3][: pixels.shape[2]]
        pixels = pixels[..., order]
    assert cv2.imwrite(str(path), np.ascontiguousarray(pixels))
    return path


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65535)])
def test_red_green_blue_from_0_to_1(tmp_path, rng, dtype, largest):
    pixels = rng.integers(0, largest + 1, (5, 7, 3)).astype(dtype)
    pixels[0, 0], pixels[1, 1] = 0, largest
    image = load_image(save(tmp_path / "a.png", pixels))
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, (pixels / largest).astype(np.float32))


def test_floats_stay(tmp_path, rng):
    pixels = rng.uniform(-1, 1, (5, 7, 3)).astype(np.float32)
    np.testing.assert_array_equal(load_image(save(tmp_path / "a.tiff", pixels)), pixels)


def test_a_gray_file(tmp_path, rgb):
    path = save(tmp_path / "a.png", rgb[..., 0])
    expected = (rgb[..., :1] / 255).astype(np.float32)
    np.testing.assert_array_equal(load_image(path, color=False), expected)
    np.testing.assert_array_equal(load_image(path), np.tile(expected, (1, 1, 3)))


def test_a_color_file_made_gray(tmp_path, rgb):
    image = load_image(save(tmp_path / "a.png", rgb), color=False)
    assert image.shape == (5, 7, 1)
    np.testing.assert_allclose(image[..., 0], rgb @ np.array(LUMINANCE) / 255, rtol=1e-6)


@pytest.mark.parametrize("color", [True, False])
def test_alpha_is_left_out(tmp_path, rgb, rng, color):
    alpha = rng.integers(0, 256, (5, 7, 1), np.uint8)
    with_alpha = save(tmp_path / "a.png", np.concatenate([rgb, alpha], axis=2))
    without = save(tmp_path / "b.png", rgb)
    np.testing.assert_array_equal(load_image(with_alpha, color), load_image(without, color))


def test_a_picture_is_not_turned(tmp_path, rgb):
    """As the note in its file says; the original does not either."""
    plain = cv2.imencode(".jpg", rgb)[1].tobytes()
    tiff = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x0112, 3, 1, 6, 0)
    note = b"Exif\0\0" + tiff
    turned = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note + plain[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), 1).shape == (7, 5, 3)
    image = load_image(streams.BytesIO(turned))
    assert image.shape == (5, 7, 3)
    np.testing.assert_array_equal(image, load_image(streams.BytesIO(plain)))


@pytest.mark.parametrize("name", [str, lambda path: path])
def test_a_path_of_any_kind(tmp_path, rgb, name):
    path = save(tmp_path / "a.png", rgb)
    np.testing.assert_array_equal(load_image(name(path)), np.float32(rgb / 255))


def test_an_open_file(tmp_path, rgb):
    with save(tmp_path / "a.png", rgb).open("rb") as file:
        np.testing.assert_array_equal(load_image(file), np.float32(rgb / 255))


def test_a_path_from_the_home(tmp_path, rgb, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save(tmp_path / "a.png", rgb)
    assert load_image(os.path.join("~", "a.png")).shape == (5, 7, 3)


def test_a_missing_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match=r"lost\.png: image cannot be read") as caught:
        load_image("lost.png")
    assert isinstance(caught.value, DataError)
    assert f"looked for in {tmp_path}" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_image(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(ImageFileError, match=f"{len(content)} bytes are no image .*: damaged"):
        load_image(path)


@pytest.mark.parametrize(("size", "middle"), [((6, 9), (1, 2)), ((7, 8), (1, 1)), ((4, 5), (0, 0))])
def test_the_ten_crops(size, middle, rng):
    images = rng.random((2, *size, 3))
    crops = oversample(images, (4, 5))
    assert crops.shape == (20, 4, 5, 3)
    assert crops.dtype == np.float32
    down, right = size[0] - 4, size[1] - 5
    places = [(0, 0), (0, right), (down, 0), (down, right), middle]
    for index, crop in enumerate(crops):
        image, turned, place = np.unravel_index(index, (2, 2, 5))
        top, left = places[place]
        expected = images[image, top : top + 4, left : left + 5]
        np.testing.assert_array_equal(crop, np.float32(expected[:, :: -1 if turned else 1]))


def test_images_of_a_list_or_an_iterator(rng):
    images = list(rng.random((2, 6, 7, 1)))
    np.testing.assert_array_equal(
        oversample(iter(images), np.array([3, 4])), oversample(images, (3, 4))
    )


@pytest.mark.parametrize(
    ("shapes", "crop", "message"),
    [
        ([], (2, 2), r"shapes \(none is given\), expected one shape"),
        ([(4, 5, 3), (5, 4, 3)], (2, 2), r"shapes \(4, 5, 3\), \(5, 4, 3\), expected one shape"),
        ([(4, 5)], (2, 2), r"shapes \(4, 5\), expected"),
        ([(4, 5, 3)], (5, 4), "crops are 5 x 4, expected at most 4 x 5"),
        ([(4, 5, 3)], (4, 6), "crops are 4 x 6, expected at most 4 x 5"),
    ],
)
def test_oversample_refuses(shapes, crop, message):
    with pytest.raises(ArrayError, match=message):
        oversample([np.zeros(shape) for shape in shapes], crop)
