from __future__ import annotations

import itertools

import numpy as np
import pytest

from minicaffe.drawing.place import _set, place


def least_squares(wanted, weights, apart):
    """By trying every way to tie neighbours together: one of them is the best."""
    n = len(wanted)
    best = None
    shift = np.concatenate([[0], np.cumsum(apart)])
    y = np.array(wanted) - shift
    for ties in itertools.product([False, True], repeat=n - 1):
        groups = np.concatenate([[0], np.cumsum([not tie for tie in ties])])
        means = [np.average(y[groups == g], weights=np.array(weights)[groups == g])
                 for g in range(groups[-1] + 1)]  # fmt: skip
        if all(a <= b + 1e-9 for a, b in itertools.pairwise(means)):
            x = np.array(means)[groups]
            cost = float(np.sum(np.array(weights) * (x - y) ** 2))
            best = min(best or (cost, None), (cost, None)) if best else (cost, None)
            if best[0] == cost:
                result = x + shift
    return result


@pytest.mark.parametrize("seed", range(6))
def test_a_row_is_placed_by_least_squares(seed):
    rng = np.random.default_rng(seed)
    room = [tuple(r) for r in rng.uniform(1, 5, (6, 2))]
    wanted, weights = rng.uniform(0, 20, 6), rng.uniform(0.5, 3, 6)
    x = [0.0] * 6
    _set(range(6), room, x, wanted, weights)
    apart = [room[i][1] + room[i + 1][0] for i in range(5)]
    np.testing.assert_allclose(x, least_squares(wanted, weights, apart), atol=1e-6)


def test_a_reader_stands_in_the_middle_and_nothing_overlaps():
    rows = [[0, 1], [2]]
    room = [(10, 12), (8, 8), (5, 5)]
    above = [[], [], [(0, 0.0, 1.0), (1, 0.0, 1.0)]]
    below = [[(2, 0.0, 1.0)], [(2, 0.0, 1.0)], []]
    x = place(rows, room, above, below)
    assert x[1] - x[0] == pytest.approx(20)
    assert x[2] == pytest.approx((x[0] + x[1]) / 2)
