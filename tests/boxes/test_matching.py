"""Matching: by hand, against loops, and the order where overlaps are equal."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.boxes.iou import iou
from minicaffe.boxes.matching import LEFT_OUT, UNMATCHED, match

OBJECT = np.array([[0, 0, 0.4, 0.4]])
CANDIDATES = np.array(
    [
        [0, 0, 0.4, 0.2],  # half of the object
        [0, 0, 0.4, 0.3],  # three quarters
        [0, 0, 0.4, 0.24],  # 0.6
        [0.5, 0.5, 0.9, 0.9],  # nothing
        [-0.1, 0, 0.4, 0.4],  # 0.8, but it reaches out
    ]
)


def test_one_object_by_hand():
    found, overlaps = match(CANDIDATES, OBJECT, None)
    assert found.tolist() == [-1, -1, -1, -1, 0]
    np.testing.assert_allclose(overlaps, [0.5, 0.75, 0.6, 0, 0.8])
    assert match(CANDIDATES, OBJECT, 0.6)[0].tolist() == [-1, 0, 0, -1, 0]
    assert match(CANDIDATES, OBJECT, 0.5)[0].tolist() == [0, 0, 0, -1, 0]  # at least


def test_what_reaches_out_is_left_out():
    found, overlaps = match(CANDIDATES, OBJECT, 0.7, inside=True)
    assert found.tolist() == [-1, 0, -1, -1, LEFT_OUT]
    assert overlaps[4] == 0


def test_the_best_pair_is_first():
    objects = np.array([[0, 0, 0.4, 0.25], [0, 0, 0.4, 0.3]])
    found, _ = match(CANDIDATES[:2], objects, None)
    assert found.tolist() == [0, 1]  # the first object gets what is left
    assert match(CANDIDATES[:1], objects, None)[0].tolist() == [0]


def test_equal_overlaps_go_to_the_first():
    twice = np.repeat(CANDIDATES[1:2], 3, axis=0)
    assert match(twice, np.repeat(OBJECT, 2, axis=0), None)[0].tolist() == [0, 1, UNMATCHED]
    assert match(twice, np.repeat(OBJECT, 2, axis=0), 0.5)[0].tolist() == [0, 1, 0]


@pytest.mark.parametrize("threshold", [None, 0.0, 0.3])
def test_against_loops(rng, threshold):
    for _ in range(20):
        boxes = rng.random((17, 4)).round(1)
        boxes[:, 2:] = boxes[:, :2] + 0.1 + boxes[:, 2:]
        candidates, objects = boxes[:12], boxes[12:]
        found, overlaps = match(candidates, objects, threshold)
        expected, most = loops(candidates, objects, threshold)
        assert found.tolist() == expected
        np.testing.assert_allclose(overlaps, most, atol=1e-6)


def loops(candidates, objects, threshold):
    table = iou(candidates, objects)
    found, left = [UNMATCHED] * len(candidates), set(range(len(objects)))
    while left:
        best = (0, None, None)
        for p in range(len(candidates)):
            for m in sorted(left):
                if found[p] == UNMATCHED and table[p, m] > max(best[0], 1e-6):
                    best = (table[p, m], p, m)
        if best[1] is None:
            break
        found[best[1]] = best[2]
        left.remove(best[2])
    for p in range(len(candidates)):
        if threshold is not None and found[p] == UNMATCHED:
            most = max(table[p])
            if most >= threshold and most > 1e-6:
                found[p] = list(table[p]).index(most)
    return found, table.max(1)


def test_nothing_to_match():
    found, overlaps = match(CANDIDATES, np.empty((0, 4)), 0.5)
    assert found.tolist() == [UNMATCHED] * 5
    assert overlaps.tolist() == [0] * 5
    assert match(np.empty((0, 4)), OBJECT, 0.5)[0].size == 0
