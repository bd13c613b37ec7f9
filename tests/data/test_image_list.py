"""ImageList: any record by its number, shuffled or not."""

from __future__ import annotations

from itertools import islice

import cv2
import numpy as np
import pytest

from minicaffe.data.image_list import ImageList, ImageListDecoder, Line, read_image_list
from minicaffe.errors import DataError

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


def test_any_of_them_and_what_they_are_called():
    lines = [Line(i, f"root/{i}.png", 10 * i) for i in range(4)]
    images = ImageList("list", lines, 3, root="root/")
    assert [record for _, record in images.select([2, 0, 2])] == [
        ("root/2.png", 20),
        ("root/0.png", 0),
        ("root/2.png", 20),
    ]
    assert list(images.keys()) == [b"0.png", b"1.png", b"2.png", b"3.png"]
    assert list(images.scan(lambda key, record: record[1])) == [0, 10, 20, 30]


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("a b.png 1.5 -2e3 7", 3, ("a b.png", (1.5, -2000, 7))),
        ("a.png\t1   2", 2, ("a.png", (1, 2))),
        ("a 1 2", 1, ("a 1", 2)),
    ],
)
def test_several_labels(tmp_path, text, count, expected):
    (tmp_path / "l").write_text(text)
    ((_, *found),) = read_image_list(str(tmp_path / "l"), labels=count)
    assert tuple(found) == expected


def test_lines_without_a_label_are_handed_to_whoever_asks(tmp_path):
    (tmp_path / "l").write_text("a 1\nb\nc x\nd 4\n")
    bad = []
    lines = read_image_list(str(tmp_path / "l"), bad=lambda key, error: bad.append((key, error)))
    assert [line.number for line in lines] == [1, 4]
    assert [key for key, _ in bad] == [b"line 2", b"line 3"]
    (tmp_path / "none").write_text("a\n")
    with pytest.raises(DataError, match="no line is left, expected an image's path"):
        read_image_list(str(tmp_path / "none"), bad=lambda key, error: None)
