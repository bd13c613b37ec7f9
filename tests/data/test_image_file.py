"""ImageReader: colours, depth, and files that are no images."""

from __future__ import annotations

import struct
from zlib import crc32

import cv2
import numpy as np
import pytest

from minicaffe.data.image_file import ImageReader
from minicaffe.errors import DataError


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels(tmp_path, rng, channels):
    pixels = rng.integers(0, 256, (4, 6, channels)).astype(np.uint8)
    path = str(tmp_path / "i.png")
    cv2.imwrite(path, pixels)
    expected = np.broadcast_to(pixels, (4, 6, 3)) if channels == 1 else pixels[..., :3]
    np.testing.assert_array_equal(ImageReader("list")(path, b"k"), expected)
    assert ImageReader("list", color=False)(path, b"k").shape == (4, 6)


def test_as_imread_does(tmp_path, rng):
    smooth = cv2.resize(rng.integers(0, 256, (4, 5, 3)).astype(np.uint8), (31, 22))
    for name in ("i.jpg", "i.bmp", "i.png"):
        path = str(tmp_path / name)
        cv2.imwrite(path, smooth)
        for color in (True, False):
            np.testing.assert_array_equal(
                ImageReader("list", color=color)(path, b"k"), cv2.imread(path, int(color))
            )


def test_sixteen_bits_become_eight(tmp_path):
    cv2.imwrite(str(tmp_path / "i.png"), np.full((2, 3), 0x7FFF, np.uint16))
    assert (ImageReader("list")(str(tmp_path / "i.png"), b"k") == 0x7F).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "image cannot be read: No such file or directory$"),
        (b"", "0 bytes are no image that OpenCV can decode"),
        (b"hello", "5 bytes are no image that OpenCV can decode"),
    ],
)
def test_refuses(tmp_path, content, message):
    path = tmp_path / "i.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"^list \(line 3\): {message}"):
        ImageReader("list")(str(path), b"line 3")


def test_says_where_it_looked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=f"cannot be read: .*, looked for in {tmp_path}$"):
        ImageReader("list")("i.png", b"k")


def test_a_size_that_opencv_refuses_is_a_damaged_file(tmp_path):
    """It raises an error of its own instead of returning none."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")
    with pytest.raises(DataError, match=r"no image that OpenCV can decode: .*PIXELS"):
        ImageReader("list").decode(file, b"line 3")
