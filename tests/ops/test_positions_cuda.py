"""How threads share out positions: lanes that fit a block, and blocks for all of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicaffe.ops.cuda import THREADS
from minicaffe.ops.positions_cuda import plan


@given(st.integers(0, 10**5), st.integers(1, 10**5), st.integers(0, 10**5))
def test_threads_cover_all_positions(outer, classes, inner):
    share = plan((outer, classes, inner))
    together = THREADS // share.lanes
    assert share.lanes * together == THREADS
    assert share.positions <= share.rounds * together < share.positions + together
    assert 1 <= share.blocks <= max(1, share.rounds)


@pytest.mark.parametrize(
    ("shape", "lanes"),
    [
        ((64, 10, 1), 16),  # as many as classes
        ((256, 1000, 1), THREADS),
        ((2, 21, 500 * 500), 1),  # as many positions as keep a card busy
        ((2, 21, 8 * 8), 8),  # 32 neighbours read side by side
        ((2, 1000, 3), 64),
    ],
    ids=str,
)
def test_lanes(shape, lanes):
    assert plan(shape).lanes == lanes


def test_small_batches_are_added_up_by_one_block():
    assert plan((64, 10, 1)).blocks == 1
    assert plan((256, 1000, 1)).blocks == 256
