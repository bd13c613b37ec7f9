from __future__ import annotations

import pytest

from minicaffe.drawing.straight import Tie, straighten

ROOM = [(5.0, 5.0)] * 10


def tie(upper, lower, strength=0, offset=0.0):
    return Tie(upper, lower, offset, strength, 1.0)


def test_strong_ties_are_kept_and_offsets_count():
    x = straighten([[0], [1], [2]], ROOM, [tie(0, 1, 3), tie(1, 2, 3, 4.0)], [0.0, 3.0, 1.0])
    assert x[1] == pytest.approx(x[0])
    assert x[2] == pytest.approx(x[1] + 4)


@pytest.mark.parametrize("strengths", [(1, 2), (2, 1)])
def test_of_two_that_cross_the_stronger_is_straight(strengths):
    rows = [[0, 1], [2, 3]]
    ties = [tie(0, 3, strengths[0]), tie(1, 2, strengths[1])]
    x = straighten(rows, ROOM, ties, [0.0, 10.0, 0.0, 10.0])
    assert (x[0] == pytest.approx(x[3])) == (strengths == (2, 1))
    assert (x[1] == pytest.approx(x[2])) == (strengths == (1, 2))
    assert x[3] - x[2] >= 10 - 1e-9
    assert x[1] - x[0] >= 10 - 1e-9


def test_of_two_that_end_in_one_node_one_is_straight():
    x = straighten([[0, 1], [2]], ROOM, [tie(0, 2, 2), tie(1, 2, 3)], [0.0, 10.0, 5.0])
    assert x[1] == pytest.approx(x[2])


def test_chains_side_by_side_stay_apart_in_every_row():
    rows = [[0, 1], [2, 3]]
    room = [(5, 5), (5, 5), (5, 30), (5, 5)]
    x = straighten(rows, room, [tie(0, 2, 3), tie(1, 3, 3)], [0.0, 10.0, 0.0, 35.0])
    assert x[0] == pytest.approx(x[2])
    assert x[1] == pytest.approx(x[3])
    assert x[3] - x[2] >= 35 - 1e-9


def test_nothing():
    assert straighten([], [], [], []) == []
