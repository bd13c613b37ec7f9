"""Blocks and balanced: orders that depend on a seed and a number alone; see test_sampling too."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from minicaffe.data.orders import Blocks, balanced


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 80), st.integers(0, 5))
def test_a_record_is_in_the_block_that_is_told(size, buffer, epoch):
    blocks = Blocks(size, buffer, 3)
    for number in range(epoch * size, (epoch + 1) * size):
        found = blocks.find(number)
        assert found.number // size == epoch
        assert (found.number - found.first) % size <= (found.last - found.first) % size < buffer


def test_numbers_may_be_asked_for_in_any_order():
    forth, back = Blocks(100, 7, 3), Blocks(100, 7, 3)
    numbers = range(2500)
    assert [forth.find(n) for n in numbers] == [back.find(n) for n in reversed(numbers)][::-1]


def test_balanced_goes_through_all_of_each_class():
    order = balanced([np.array([5]), np.array([1, 2, 3])], 3)
    found = [order(number) for number in range(12)]
    assert sorted(found) == [1, 1, 2, 2, 3, 3, *[5] * 6]
    assert found != [balanced([np.array([5]), np.array([1, 2, 3])], 4)(n) for n in range(12)]
