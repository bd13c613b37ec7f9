"""The contact sheet: which samples, and where they stand."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest

from minicaffe.data.contact_sheet import GAP, TILE, ContactSheet, tile
from minicaffe.data.image import Image, Layout
from minicaffe.errors import DataError, WeightsError


def plain(value, channels=3, height=4, width=6, dtype=np.uint8):
    """An image whose channels are ``value``, ``value + 1``, ..."""
    pixels = np.empty((channels, height, width), dtype)
    pixels[:] = (value + np.arange(channels))[:, None, None]
    return Image(Layout(channels, height, width, dtype), pixels.tobytes(), 0)


def drawn(sheet, tmp_path, title="t"):
    sheet.write(tmp_path / "sheet.png", title)
    return cv2.imread(str(tmp_path / "sheet.png"))


def offer(sheet, label, image):
    if sheet.wants(label):
        sheet.add(label, image, encoded=False)


def colours(picture):
    """Each colour of a tile to how many pixels of it there are, in the order of the rows."""
    flat = map(tuple, picture.reshape(-1, 3).tolist())
    return {c: n for c, n in Counter(flat).items() if n > 500 and c != (255, 255, 255)}


def test_a_row_a_label_from_the_lowest(tmp_path):
    sheet = ContactSheet(rows=2, columns=3)
    for label in [7, 5, 9, 5, 5, 5, 2, 9, 7]:  # 5 and 2 are left; all of 5's are of one colour
        offer(sheet, label, plain(10 * label))
    size = 96 * 64  # 4 x 6 pixels, each 16 wide
    found = colours(drawn(sheet, tmp_path))
    assert found == {(20, 21, 22): size, (50, 51, 52): 3 * size}
    assert list(found) == [(20, 21, 22), (50, 51, 52)]


def test_samples_are_drawn_at_random(tmp_path):
    """Every one of 200 is as likely as any other: the first and the last half come up alike."""
    late = 0
    for seed in range(60):
        sheet = ContactSheet(1, 4)
        sheet._rng = np.random.default_rng(seed)
        for number in range(200):
            offer(sheet, 0, plain(number // 100 * 100))
        found = colours(drawn(sheet, tmp_path))
        late += found.get((100, 101, 102), 0) // (96 * 64)
    assert 90 < late < 150  # of 240


def test_vectors_stand_one_after_the_other(tmp_path):
    sheet = ContactSheet(rows=2, columns=3)
    for number in range(9):
        offer(sheet, (number / 2, -1.0), plain(20 * number))
    picture = drawn(sheet, tmp_path)
    assert sum(colours(picture).values()) == 6 * 96 * 64
    assert picture.shape[1] >= 3 * (TILE + GAP)


@pytest.mark.parametrize(
    ("image", "rgb", "expected"),
    [
        (plain(5), False, (5, 6, 7)),
        (plain(5), True, (7, 6, 5)),
        (plain(5, channels=1), True, (5, 5, 5)),
        (plain(5, channels=2), False, (5, 5, 5)),
        (plain(5, channels=4), False, (5, 6, 7)),
        (plain(0, channels=2, dtype=np.float32), False, (0, 0, 0)),
    ],
)
def test_colours(image, rgb, expected):
    assert tuple(tile(image, rgb=rgb)[0, 0]) == expected


def test_numbers_are_stretched():
    pixels = np.array([[[-2, 0, 2, np.nan, np.inf]]], np.float32)
    found = tile(Image(Layout(1, 1, 5, np.float32), pixels.tobytes(), 0), rgb=False)
    assert found[0, ::19, 0].tolist() == [0, 127, 255, 127, 127]


@pytest.mark.parametrize(
    ("size", "expected"), [((28, 28), (84, 84)), ((300, 150), (96, 48)), ((2, 500), (1, 96))]
)
def test_sizes(size, expected):
    assert tile(plain(1, 3, *size), rgb=False).shape[:2] == expected


def test_interleaved():
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    found = tile(Image(Layout(3, 2, 3, np.uint8, True), memoryview(pixels), 0), rgb=False)
    np.testing.assert_array_equal(found[::32, ::32], pixels)


def test_refuses(tmp_path):
    sheet = ContactSheet(1, 1)
    with pytest.raises(DataError, match="no image to draw"):
        sheet.write(tmp_path / "sheet.png", "")
    offer(sheet, 1, plain(1))
    with pytest.raises(WeightsError, match="cannot write"):
        sheet.write(tmp_path / "no" / "sheet.png", "")
