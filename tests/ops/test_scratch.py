"""Work space: reused, aligned, one for each thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minicaffe.ops import scratch_cpu
from minicaffe.ops.scratch_cpu import scratch

FLOAT = np.dtype(np.float32)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(scratch_cpu, "_local", type(scratch_cpu._local)())


def test_is_the_same_memory_until_more_is_needed():
    first = scratch(30, FLOAT)
    assert first.shape == (30,)
    assert np.shares_memory(first, scratch(15, np.dtype(np.float64)))
    larger = scratch(31, FLOAT)
    assert not np.shares_memory(first, larger)
    assert np.shares_memory(larger, scratch(1, FLOAT))


@pytest.mark.parametrize("count", [1, 1000])
def test_begins_with_a_cache_line(count):
    assert scratch(count, FLOAT).ctypes.data % 64 == 0


def test_threads_have_their_own():
    mine = scratch(10, FLOAT)
    with ThreadPoolExecutor(1) as pool:
        theirs = pool.submit(scratch, 10, FLOAT).result()
    assert not np.shares_memory(mine, theirs)
