"""Windows: the geometry (numbers worked out by hand), and the pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from minicaffe.data.batch import Batch
from minicaffe.data.window_file import WindowFile
from minicaffe.data.windows import Place, WindowFiller, place
from minicaffe.errors import DataError


@pytest.mark.parametrize(
    ("box", "image", "crop", "pad", "square", "mirrored", "expected"),
    [
        # as it is
        ((1, 2, 9, 7), (12, 15), 8, 0, False, False, (2, 8, 1, 10, 8, 8, 0, 0)),
        ((0, 0, 14, 11), (12, 15), 8, 0, False, True, (0, 12, 0, 15, 8, 8, 0, 0)),
        # 4 x 2 about (4, 4): from 2 to 6
        ((2, 3, 5, 4), (12, 15), 8, 0, True, False, (2, 7, 2, 7, 8, 8, 0, 0)),
        # grows by 8 / (8 - 4): 4 x 4 about (6, 6) from 2 to 10
        ((4, 4, 7, 7), (12, 15), 8, 2, False, False, (2, 11, 2, 11, 8, 8, 0, 0)),
        # columns -3 to 9, rows -2 to 6: 13 and 9; 10 * 8/13 = 6.2, 3 * 8/13 = 1.8; 7 * 8/9 = 6.2
        ((0, 0, 5, 3), (12, 15), 8, 2, False, False, (0, 7, 0, 10, 6, 6, 2, 2)),
        ((0, 0, 5, 3), (12, 15), 8, 2, False, True, (0, 7, 0, 10, 6, 6, 2, 0)),
        # columns 7.5 to 17.5, rounded up both, rows 6 to 14; 7 * 8/11 = 5.1, 4 * 8/11 = 2.9
        ((10, 8, 14, 11), (12, 15), 8, 2, False, False, (6, 12, 8, 15, 5, 5, 0, 0)),
        ((10, 8, 14, 11), (12, 15), 8, 2, False, True, (6, 12, 8, 15, 5, 5, 0, 3)),
        # columns -3 to 12: 3 / 2 and 13 / 2, both rounded up, are one too many
        ((-3, 20, 11, 34), (50, 50), 8, 0, True, False, (20, 36, 0, 13, 8, 6, 0, 2)),
        # columns -0.5 to 9.5, away from 0: -1 to 10
        ((2, 10, 6, 19), (40, 40), 24, 0, True, False, (10, 21, 0, 11, 24, 22, 0, 2)),
    ],
)
def test_places(box, image, crop, pad, square, mirrored, expected):
    found = place(box, image, crop, pad, square=square, mirrored=mirrored)
    r0, r1, c0, c1, *rest = expected
    assert found == Place(slice(r0, r1), slice(c0, c1), *rest)


@pytest.mark.parametrize(
    ("box", "pad"),
    [((-1, 0, 3, 3), 0), ((0, 0, 15, 3), 0), ((0, 0, 3, 12), 0), ((40, 0, 43, 3), 2)],
)
def test_places_outside_of_the_image(box, pad):
    assert place(box, (12, 15), 8, pad, square=False, mirrored=False) is None


@pytest.fixture
def image(tmp_path, rng):
    pixels = rng.integers(0, 256, (12, 15, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    return pixels


def filler(tmp_path, lines, crop, foreground=1, mean=0.0, **kwargs):
    image = f"# 0\na.png\n3\n12\n15\n{len(lines)}\n"
    (tmp_path / "w.txt").write_text(image + "\n".join(lines))
    file = WindowFile(f"{tmp_path}/w.txt", f"{tmp_path}/", 0.5, 0.5)
    mean = np.broadcast_to(np.asarray(mean, np.float64), np.shape(mean) or (3, 1, 1))
    return WindowFiller(file, crop, foreground, mean=mean, **kwargs)


def warped(it, crop, mirrored=False):
    y = np.full((3, crop, crop), np.nan)
    it.warp(it._windows.foreground[0], y, mirrored=mirrored)
    return y


@pytest.mark.parametrize("mirrored", [False, True])
def test_pixels_of_a_window_that_needs_no_scaling(tmp_path, image, rng, mirrored):
    """The mean belongs to the place in the output, mirrored or not."""
    mean = rng.random((3, 5, 5))
    it = filler(tmp_path, ["1 0.9 3 2 7 6"], 5, mean=mean, scale=0.5)
    found = warped(it, 5, mirrored)
    for c, i, j in np.ndindex(found.shape):
        pixel = image[2 + i, 3 + (4 - j if mirrored else j), c]
        assert found[c, i, j] == (pixel - mean[c, i, j]) * 0.5


@pytest.mark.parametrize("mirrored", [False, True])
def test_outside_is_zero_after_the_mean(tmp_path, image, rng, mirrored):
    """Columns -3 to 9 become 2 of padding and 6; rows -2 to 6 likewise."""
    mean = rng.random((3, 8, 8))
    it = filler(tmp_path, ["1 0.9 0 0 5 3"], 8, mean=mean, context_pad=2)
    inside = cv2.resize(image[:7, :10], (6, 6)).transpose(2, 0, 1)
    left = 0 if mirrored else 2
    expected = np.zeros((3, 8, 8))
    for c, i, j in np.ndindex(inside.shape):
        pixel = inside[c, i, 5 - j if mirrored else j]
        expected[c, 2 + i, left + j] = pixel - mean[c, 2 + i, left + j]
    np.testing.assert_array_equal(warped(it, 8, mirrored), expected)


def test_a_value_a_channel(tmp_path, image):
    it = filler(tmp_path, ["1 0.9 0 0 2 2"], 3, mean=np.reshape([7.0, 8, 9], (3, 1, 1)))
    for c in range(3):
        np.testing.assert_array_equal(warped(it, 3)[c], image[:3, :3, c] - (7.0, 8, 9)[c])


def test_a_window_outside_of_its_image_is_named(tmp_path, image):
    it = filler(tmp_path, ["1 0.9 0 0 15 3"], 4)
    with pytest.raises(
        DataError,
        match=r"w.txt \(line 7, .*/a.png\): window is 0 0 15 3, expected one inside .*0 0 14 11",
    ):
        warped(it, 4)


def test_stops_between_windows(tmp_path, image):
    it = filler(tmp_path, ["1 0.9 0 0 2 2", "0 0.1 0 0 2 2"], 3)
    batch, asked = Batch(4), iter([False, False, True])
    batch.labels[:] = -1
    for part in it(batch, 0, lambda: next(asked)):
        part()
    assert batch.labels.tolist() == [0, 0, -1, -1]


def test_kept_files_are_not_read_again(tmp_path, image):
    lines = ["1 0.9 0 0 2 2", "0 0.1 0 0 2 2"]
    kept, other = (filler(tmp_path, lines, 3, cache=cache) for cache in (True, False))
    expected = warped(kept, 3)
    (tmp_path / "a.png").unlink()
    np.testing.assert_array_equal(warped(kept, 3), expected)
    with pytest.raises(DataError, match=r"a.png\): image cannot be read"):
        warped(other, 3)
