from __future__ import annotations

import pytest

from minicaffe.drawing.ranks import rank
from tests.drawing import nets


def test_a_chain_with_a_shortcut():
    assert rank(4, [(0, 1), (1, 2), (0, 3), (2, 3)]) == [0, 1, 2, 3]


def test_what_has_readers_alone_stands_just_before_the_first_of_them():
    assert rank(5, [(0, 1), (1, 2), (3, 4), (2, 4)]) == [0, 1, 2, 2, 3]


def test_nothing():
    assert rank(0, []) == []
    assert rank(2, []) == [0, 0]


@pytest.mark.parametrize("seed", range(5))
def test_every_edge_goes_down_and_no_row_is_empty(seed):
    graph = nets.random_graph(seed)
    edges = [(edge.source, edge.target) for edge in graph.edges]
    ranks = rank(len(graph.boxes), edges)
    assert all(ranks[source] < ranks[target] for source, target in edges)
    assert set(ranks) == set(range(max(ranks) + 1))
