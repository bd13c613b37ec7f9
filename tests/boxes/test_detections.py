"""Detections of one image, of classes with boxes of their own."""

from __future__ import annotations

import numpy as np

from minicaffe.boxes.detections import Rules, best_of_image

BOXES = np.array([[0, 0, 4, 4], [0, 0, 4, 2], [5, 5, 9, 9]], np.float32)
SCORES = {
    7: np.array([0.25, 0.5, 0.125], np.float32),
    3: np.array([0.5, 0.25, 0.75], np.float32),
}


def found(rules, boxes=None):
    rows = best_of_image(boxes or {3: BOXES, 7: BOXES}, SCORES, rules)
    assert rows.dtype == np.float32
    return rows[:, :2].tolist()


def test_classes_come_in_order_and_boxes_from_the_best_down():
    assert found(Rules(0.45)) == [[3, 0.75], [3, 0.5], [7, 0.5], [7, 0.125]]
    assert found(Rules(0.5)) == [
        [3, 0.75], [3, 0.5], [3, 0.25], [7, 0.5], [7, 0.25], [7, 0.125],
    ]  # fmt: skip


def test_keep_top_k_takes_the_first_of_equals():
    assert found(Rules(0.45, keep_top_k=2)) == [[3, 0.75], [3, 0.5]]
    assert found(Rules(0.45, keep_top_k=3)) == [[3, 0.75], [3, 0.5], [7, 0.5]]
    # the fourth is of the first class again, and stands with it
    assert found(Rules(0.5, keep_top_k=4)) == [[3, 0.75], [3, 0.5], [3, 0.25], [7, 0.5]]
    assert found(Rules(0.45, keep_top_k=0)) == []
    assert len(found(Rules(0.45, keep_top_k=-1))) == 4


def test_each_class_has_its_boxes():
    rows = best_of_image({3: BOXES, 7: BOXES + 10}, SCORES, Rules(0.45, top_k=1))
    assert rows[:, 2:].tolist() == [[5, 5, 9, 9], [10, 10, 14, 12]]


def test_no_class_and_no_box():
    assert best_of_image({}, {}, Rules()).shape == (0, 6)
    assert best_of_image({1: BOXES[:0]}, {1: SCORES[3][:0]}, Rules()).shape == (0, 6)
