"""What boxes share: by hand, and for boxes that are none."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.boxes.iou import areas, coverage, intersections, iou

A = np.array([[0, 0, 4, 2], [1, 1, 3, 5]], np.float32)
B = np.array(
    [
        [0, 0, 4, 2],
        [2, 1, 6, 3],
        [4, 0, 5, 2],  # touches the first of A
        [3, 3, 1, 1],  # ends before it starts
        [9, 9, 9, 9],  # a point
    ],
    np.float32,
)


def test_areas():
    assert areas(B).tolist() == [8, 8, 2, 0, 0]
    assert areas(B, whole_pixels=True).tolist() == [15, 15, 6, 0, 1]
    assert areas(B).dtype == np.float32
    assert areas(B[:0]).shape == (0,)


def test_intersections():
    assert intersections(A, B).tolist() == [[8, 2, 0, 0, 0], [2, 2, 0, 0, 0]]
    inside = intersections(A, B, whole_pixels=True)
    assert inside[:, :3].tolist() == [[15, 6, 3], [6, 6, 0]]


def test_iou():
    expected = [[1, 2 / 14, 0, 0, 0], [2 / 14, 2 / 14, 0, 0, 0]]
    np.testing.assert_allclose(iou(A, B), expected, rtol=1e-6)
    assert iou(A, B, whole_pixels=True)[1, 0] == np.float32(6 / 24)
    assert iou(A, B).dtype == np.float32
    assert iou(A.astype(np.float64), B.astype(np.float64)).dtype == np.float64


def test_coverage_is_of_the_first():
    assert coverage(A, B)[:, :2].tolist() == [[1, 0.25], [0.25, 0.25]]
    assert coverage(A, B[3:]).any() == np.False_
    assert coverage(B, A)[2].tolist() == [0, 0]


@pytest.mark.parametrize(("a", "b"), [(A, B[:0]), (A[:0], B), (A[:0], B[:0])])
def test_of_none(a, b):
    for each in (iou, coverage, intersections):
        assert each(a, b).shape == (len(a), len(b))


def test_boxes_without_end_and_without_numbers_share_nothing():
    endless = np.array([[-3e38, -3e38, 3e38, 3e38], [0, 0, np.inf, np.inf]], np.float32)
    nan = np.full((1, 4), np.nan, np.float32)
    wild = np.concatenate([endless, nan])
    assert not iou(wild, wild).any()
    assert not iou(wild, A).any()
    assert not coverage(nan, A).any()


def test_iou_of_random_boxes_is_that_of_counted_pixels(rng):
    """Boxes on a grid: the areas are numbers of its squares."""
    corners = np.sort(rng.integers(0, 12, (14, 2, 2)), axis=1).reshape(14, 4).astype(np.float32)
    squares = np.zeros((14, 12, 12), bool)
    for mask, (left, top, right, bottom) in zip(squares, corners.astype(int), strict=True):
        mask[top:bottom, left:right] = True
    flat = squares.reshape(14, -1)
    both = (flat[:5, None] & flat[5:]).sum(-1)
    either = (flat[:5, None] | flat[5:]).sum(-1)
    np.testing.assert_array_equal(intersections(corners[:5], corners[5:]), both)
    expected = np.where(both, both / np.maximum(either, 1), 0)
    np.testing.assert_allclose(iou(corners[:5], corners[5:]), expected, rtol=1e-6)
