"""Non-maximum suppression: by hand, ties and ends; and against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.boxes.iou import iou
from minicaffe.boxes.nms import by_score, nms

# along one line: 0 and 1 overlap by 2/3, 1 and 2 by 10/21, 0 and 2 by 7/24, 3 is apart
ROW = np.array([[0, 0, 5, 1], [1, 0, 6, 1], [2.6666667, 0, 8, 1], [20, 0, 21, 1]], np.float32)
SCORES = np.array([0.6, 0.9, 0.7, 0.1], np.float32)


def test_the_best_drops_what_overlaps_it():
    assert nms(ROW, SCORES, 0.4).tolist() == [1, 3]
    assert nms(ROW, SCORES, 0.6).tolist() == [1, 2, 3]
    assert nms(ROW, SCORES, 0.7).tolist() == [1, 2, 0, 3]


def test_what_overlaps_only_what_was_dropped_is_left():
    assert nms(ROW, np.array([0.9, 0.5, 0.4, 0.1], np.float32), 0.3).tolist() == [0, 2, 3]


def test_an_overlap_of_just_the_threshold_is_left():
    boxes = np.array([[0, 0, 2, 1], [0, 0, 1, 1], [0, 0, 0.96875, 1]], np.float32)
    assert nms(boxes, np.array([3, 2, 1]), 0.5).tolist() == [0, 1]
    assert nms(boxes, np.array([3, 1, 2]), 0.5).tolist() == [0, 2]


def test_equal_scores_keep_their_order():
    scores = np.array([0.5, 0.7, 0.5, 0.7], np.float32)
    apart = ROW + 100 * np.arange(4, dtype=np.float32)[:, None]
    assert nms(apart, scores, 0.3).tolist() == [1, 3, 0, 2]
    assert nms(ROW[[0, 0, 0, 0]], scores, 0.3).tolist() == [1]


def test_only_scores_above_and_only_the_best_take_part():
    assert nms(ROW, SCORES, 0.7, score_above=0.1).tolist() == [1, 2, 0]
    assert nms(ROW, SCORES, 0.7, score_above=0.09).tolist() == [1, 2, 0, 3]
    assert nms(ROW, SCORES, 0.7, score_above=float(np.float32(0.6))).tolist() == [1, 2]
    assert nms(ROW, SCORES, 0.7, top_k=2).tolist() == [1, 2]
    assert nms(ROW, SCORES, 0.7, top_k=0).tolist() == []
    assert nms(ROW, SCORES, 0.7, top_k=-1).tolist() == [1, 2, 0, 3]
    # the third takes no part, so what it would not have dropped is not there either
    assert nms(ROW, SCORES, 0.4, top_k=3, score_above=0.65).tolist() == [1]


def test_it_stops_at_most():
    assert nms(ROW, SCORES, 0.7, most=3).tolist() == [1, 2, 0]
    assert nms(ROW, SCORES, 0.7, most=0).tolist() == []
    assert nms(ROW, SCORES, 0.4, most=2).tolist() == [1, 3]


def test_eta_lowers_the_threshold_down_to_a_half():
    assert nms(ROW, SCORES, 0.7, eta=0.9).tolist() == [1, 2, 3]  # then 0.63, then 0.567
    assert nms(ROW, SCORES, 0.6, eta=0.7).tolist() == [1, 3]  # then 0.42, and not lower
    assert nms(ROW, SCORES, 0.5001, eta=0.1).tolist() == [1, 3]
    assert nms(ROW, SCORES, 0.5, eta=0.1).tolist()[:1] == [1]  # not above a half: as it is
    assert 2 in nms(ROW, SCORES, 0.50001, eta=1)


def test_whole_pixels():
    boxes = np.array([[0, 0, 1, 1], [1, 1, 2, 2]], np.float32)  # 2 by 2 pixels, one in common
    scores = np.array([2, 1], np.float32)
    assert nms(boxes, scores, 0.1).tolist() == [0, 1]
    assert nms(boxes, scores, 0.1, whole_pixels=True).tolist() == [0]
    assert nms(boxes, scores, 0.15, whole_pixels=True).tolist() == [0, 1]


def test_of_none_and_of_nan():
    assert nms(ROW[:0], SCORES[:0], 0.5).tolist() == []
    scores = np.array([0.6, np.nan, 0.7, np.nan], np.float32)
    assert nms(ROW, scores, 0.5).tolist() == [2, 0]
    assert by_score(scores).tolist() == [2, 0]


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.55])
@pytest.mark.parametrize("eta", [1.0, 0.8])
def test_against_its_definition(rng, threshold, eta):
    corner, side = rng.random((60, 2)), rng.random((60, 2)) / 2
    boxes = np.concatenate([corner, corner + side], axis=1).astype(np.float32)
    scores = rng.integers(0, 9, 60).astype(np.float32)  # many are equal
    overlap, expected, limit = iou(boxes, boxes), [], threshold
    for i in sorted(range(60), key=lambda i: (-scores[i], i)):
        if all(overlap[i, j] <= limit for j in expected):
            expected.append(i)
            limit *= eta if limit > 0.5 else 1
    assert nms(boxes, scores, threshold, eta=eta).tolist() == expected
    assert 1 < len(expected) < 60
