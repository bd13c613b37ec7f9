"""Offsets of boxes in whole pixels: by hand, and there and back."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.boxes.pixels import clip, decode, encode
from minicaffe.errors import ArrayError


def test_encode_by_hand():
    near = np.array([[16.0, 16, 31, 31]])  # 16 x 16 around 24, 24
    box = np.array([[16.0, 20, 39, 27]])  # 24 x 8 around 28, 24
    found = encode(box, near)
    np.testing.assert_allclose(found, [[0.25, 0, np.log(1.5), np.log(0.5)]])


def test_decode_by_hand():
    near = np.array([[16.0, 16, 31, 31]])
    found = decode(np.array([[0.25, 0, np.log(1.5), np.log(0.5)]]), near)
    np.testing.assert_allclose(found, [[16, 20, 40, 28]])  # ends a pixel later


def test_there_and_back(rng):
    corner, side = rng.uniform(0, 50, (2, 7, 2))
    other, other_side = rng.uniform(0, 50, (2, 7, 2))
    boxes, near = np.hstack([corner, corner + side]), np.hstack([other, other + other_side])
    np.testing.assert_allclose(decode(encode(boxes, near), near), boxes + np.array([0, 0, 1, 1]))


def test_clip():
    boxes = np.array([[-3.0, 2, 50, 60], [45, -9, 48, 33]])
    assert clip(boxes, 30, 40).tolist() == [[0, 2, 39, 29], [39, 0, 39, 29]]


def test_an_infinite_box_is_no_warning():
    found = decode(np.array([[0.0, 0, 1e4, 1]]), np.array([[0.0, 0, 9, 9]]))
    assert np.isinf(found[0, 2])


def test_refuses_what_ends_before_it_starts():
    good, bad = np.array([[0.0, 0, 0, 0]] * 2), np.array([[0.0, 0, 9, 9], [5, 3, 4, 9]])
    for args in ((good, bad), (bad, good)):
        with pytest.raises(ArrayError, match=r"box 1 is \[5, 3, 4, 9\], expected x1 <= x2"):
            encode(*args)
