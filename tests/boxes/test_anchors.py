"""Anchors: the nine of the paper's code, and where they are."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.boxes.anchors import anchors, grid

PUBLISHED = [  # counted from 0, as py-faster-rcnn has them
    [-84, -40, 99, 55],
    [-176, -88, 191, 103],
    [-360, -184, 375, 199],
    [-56, -56, 71, 71],
    [-120, -120, 135, 135],
    [-248, -248, 263, 263],
    [-36, -80, 51, 95],
    [-80, -168, 95, 183],
    [-168, -344, 183, 359],
]


@pytest.mark.parametrize("half_to_even", [False, True])
def test_the_published_nine(half_to_even):
    assert anchors(half_to_even=half_to_even).tolist() == PUBLISHED


def test_ratios_and_scales_are_taken_in_order():
    """A square of 8 at ratio 2 is 6 wide, 12 high; at 0.25, 16 wide, 4 high."""
    found = anchors(8, [2, 0.25], [1, 3])
    sides = found[:, 2:] - found[:, :2] + 1
    assert sides.tolist() == [[6, 12], [18, 36], [16, 4], [48, 12]]
    assert (found[:, :2] + found[:, 2:]).tolist() == [[7, 7]] * 4


def test_half_a_pixel_is_rounded_as_asked():
    """A square of 15 at ratio 0.5 is 21 wide; half of that is 10.5 high."""
    for half_to_even, height in ((True, 10), (False, 11)):
        box = anchors(15, [0.5], [1], half_to_even=half_to_even)[0]
        assert box[3] - box[1] + 1 == height


def test_grid_goes_by_row_then_by_column():
    first = np.array([[0, 0, 15, 15], [-8, 0, 23, 15]])
    found = grid(first, 2, 3, 16)
    assert found.shape == (12, 4)
    assert found[:4].tolist() == [[0, 0, 15, 15], [-8, 0, 23, 15], [16, 0, 31, 15], [8, 0, 39, 15]]
    assert found[6].tolist() == [0, 16, 15, 31]
