"""ImageList: any record by its number, shuffled or not."""

from __future__ import annotations

from itertools import islice

import cv2
import numpy as np
import pytest

from minicaffe.data.image_list import ImageList, ImageListDecoder, Line, read_image_list

LINES = [Line(2 * i + 1, f"{i}.png", 10 * i) for i in range(5)]


def labels(images, start, count, step=1):
    return [record[1] for _, record in islice(images.records(start, step), count)]


def test_a_record():
    key, record = next(ImageList("list", LINES).records(7))
    assert (key, record) == (b"line 5, 2.png", ("2.png", 20))


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("step", [1, 2, 7])
def test_starts_anywhere(seed, step):
    images = ImageList("list", LINES, seed)
    straight = labels(images, 0, 60)
    for start in (0, 4, 5, 13):
        assert labels(images, start, 6, step) == straight[start::step][:6]


def test_no_two_rounds_alike():
    images = ImageList("list", [Line(i, "", i) for i in range(40)], 1)
    rounds = [tuple(labels(images, 40 * epoch, 40)) for epoch in range(5)]
    assert len(set(rounds)) == 5
    assert {tuple(sorted(each)) for each in rounds} == {tuple(range(40))}


def test_numbers_and_roots_of_lines(tmp_path):
    (tmp_path / "l").write_text("a  1\n\nb c -2\n")
    assert read_image_list(str(tmp_path / "l"), "r/") == [Line(1, "r/a", 1), Line(3, "r/b c", -2)]


@pytest.mark.parametrize("color", [True, False])
@pytest.mark.parametrize("size", [None, (3, 8)])
def test_decodes(tmp_path, rng, color, size):
    path = str(tmp_path / "i.png")
    cv2.imwrite(path, rng.integers(0, 256, (5, 7, 3)).astype(np.uint8))
    image = ImageListDecoder("list", color=color, size=size)(b"k", (path, 4))
    expected = cv2.imread(path, int(color))
    if size:
        expected = cv2.resize(expected, (8, 3))
    channels = 3 if color else 1
    assert image.layout[:3] == (channels, *(size or (5, 7)))
    assert image.label == 4
    assert bytes(image.data) == expected.tobytes()
