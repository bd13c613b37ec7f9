"""What is proposed: an example worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.boxes.anchors import anchors
from minicaffe.boxes.proposals import Rules, propose

RULES = Rules(stride=16, min_size=16, before_nms=10, threshold=0.7, after_nms=5)
A = [1.0, 0, 17, 16]  # moved by 15 to the left: overlaps B by 272 / 306
B = [0.0, 0, 16, 16]
C = [36.0, 0, 44, 16]  # half as wide


def found(image=(20, 48, 1), **changes):
    """One anchor at three positions; from left to right they become B, A and C."""
    scores = np.array([[[0.5, 0.9, 0.99]]])
    offsets = np.zeros((4, 1, 3))
    offsets[0, 0, 1] = -15 / 16
    offsets[2, 0, 2] = np.log(0.5)
    boxes, score = propose(
        scores, offsets, anchors(16, [1], [1]), np.array(image), RULES._replace(**changes)
    )
    np.testing.assert_allclose(score, sorted(score, reverse=True))
    return [[round(float(x), 6) for x in box] for box in boxes]


@pytest.mark.parametrize(
    ("changes", "right"),
    [
        ({}, [A]),
        ({"threshold": 0.885}, [A]),  # ends inside: without, 240 of 272
        ({"threshold": 0.9}, [A, B]),
        ({"threshold": 0.9, "after_nms": 1}, [A]),
        ({"threshold": 0.9, "before_nms": 1}, [A]),
        ({"threshold": 0.9, "before_nms": 0, "after_nms": 0}, [A, B]),
        ({"image": (20, 48, 0.5)}, [C, A]),  # at least 8
        ({"image": (20, 48, 1, 0.5)}, [C, A]),  # at least 8 wide, and 16 high
        ({"image": (20, 48, 0.5, 1)}, [A]),
        ({"min_size": 18}, []),
        ({"image": (20, 17, 1), "threshold": 0.95}, [[1, 0, 16, 16], B]),  # 272 of 289
    ],
)
def test_by_hand(changes, right):
    assert found(**changes) == right


def test_offsets_of_an_anchor_are_together():
    scores = np.zeros((2, 1, 1))
    scores[1] = 1
    offsets = np.zeros((8, 1, 1))
    offsets[4] = 1  # of the second: one width to the right
    boxes, _ = propose(scores, offsets, anchors(16, [1], [1, 2]), np.array([99, 99, 1]), RULES)
    assert boxes.tolist() == [[24, 0, 56, 24], [0, 0, 16, 16]]
