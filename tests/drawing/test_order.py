from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest

from minicaffe.drawing.order import crossings, order
from minicaffe.drawing.ranks import rank
from minicaffe.drawing.threads import thread
from tests.drawing import nets


def neighbours(threads):
    above = [[] for _ in threads.ranks]
    below = [[] for _ in threads.ranks]
    for segment in threads.segments:
        above[segment.lower].append(segment.upper)
        below[segment.upper].append(segment.lower)
    return above, below


def count(rows, below):
    """Crossings, pair by pair."""
    total = 0
    for upper, lower in pairwise(rows):
        lines = [(i, lower.index(v)) for i, u in enumerate(upper) for v in below[u]]
        total += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(lines, 2))
    return total


@pytest.mark.parametrize("seed", range(8))
def test_no_more_crossings_than_before(seed):
    graph = nets.random_graph(seed)
    edges = [(edge.source, edge.target) for edge in graph.edges]
    threads = thread(graph.edges, rank(len(graph.boxes), edges))
    above, below = neighbours(threads)
    before = count(threads.rows, below)
    rows = order(threads.rows, above, below)
    assert [sorted(row) for row in rows] == [sorted(row) for row in threads.rows]
    assert crossings(threads.rows, below) == before
    assert count(rows, below) < before


def test_two_branches_are_untangled():
    rows = [[0], [1, 2], [3, 4], [5]]
    below = [[1, 2], [4], [3], [5], [5], []]
    above = [[], [0], [0], [2], [1], [3, 4]]
    assert crossings(rows, below) == 1
    assert crossings(order(rows, above, below), below) == 0


@pytest.mark.parametrize("seed", range(4))
def test_shuffled_lanes_are_sorted_out(seed):
    """Twelve chains side by side: no swap of two neighbours alone leads there."""
    rng = random.Random(seed)
    rows = [[12 * row + lane for lane in range(12)] for row in range(5)]
    above = [[node - 12] if node >= 12 else [] for node in range(60)]
    below = [[node + 12] if node < 48 else [] for node in range(60)]
    shuffled = [rng.sample(row, 12) for row in rows]
    assert crossings(shuffled, below) > 50
    assert crossings(order(shuffled, above, below), below) == 0


def test_nothing():
    assert order([], [], []) == []
