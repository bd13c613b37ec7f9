"""Uploader: every batch arrives whole, however early or late the streams do their work."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from minicaffe.data.upload import PINNED, Uploader
from tests import fake_cuda, fake_cupy

ORDERS = pytest.mark.parametrize(
    ("copies_late", "computes_late"), [(True, False), (False, True), (True, True)]
)


@pytest.fixture
def streams(monkeypatch):
    """Make an uploader whose stream, and the one that computes, are late or early."""

    def make(copies_late, computes_late):
        computing = fake_cuda.Stream(late=computes_late)
        monkeypatch.setattr(fake_cuda, "current", computing)
        uploader = Uploader(fake_cupy)
        uploader._stream.late = copies_late
        return uploader, computing

    return make


def shapes(number):
    """Of batch ``number``: one in three is larger."""
    return (2, 3 + number % 3), (2,)


@ORDERS
def test_every_batch_is_computed_with_whole(streams, copies_late, computes_late):
    uploader, computing = streams(copies_late, computes_late)
    seen = []

    def compute(arrays):
        seen.append([array.get() for array in arrays])

    host = [[np.full(shape, number, np.float32) for shape in shapes(number)] for number in range(7)]
    uploader.start(host[0])
    for number in range(7):
        assert uploader.pending
        arrays = uploader.finish()
        for array in host[number]:
            array[:] = -1  # it may be filled again
        if number < 6:
            uploader.start(host[number + 1])
        computing.issue(lambda arrays=arrays: compute(arrays))
    computing.synchronize()
    assert not uploader.pending
    for number, found in enumerate(seen):
        for array, shape in zip(found, shapes(number), strict=True):
            np.testing.assert_array_equal(array, np.full(shape, number, np.float32))


@ORDERS
def test_close_leaves_no_copy_under_way(streams, copies_late, computes_late):
    uploader, _ = streams(copies_late, computes_late)
    host = [np.ones(3, np.float32)]
    uploader.start(host)
    place = uploader._pending[0][0]
    uploader.close()
    assert not uploader.pending
    assert place.get().tolist() == [1, 1, 1]


def test_types_may_change(streams):
    uploader, _ = streams(True, False)
    for dtype in (np.float32, np.float64, np.float32, np.float64):
        uploader.start([np.arange(5, dtype=dtype)])
        (array,) = uploader.finish()
        assert array.dtype == dtype
        assert array.get().tolist() == [0, 1, 2, 3, 4]


def test_large_memory_is_pinned_once_while_it_lives(streams):
    uploader, _ = streams(True, False)
    before = dict(fake_cuda.runtime.pinned)
    flat = np.empty(PINNED, np.uint8)
    small = np.empty(9, np.uint8)
    for count in (PINNED, PINNED // 2, PINNED):
        uploader.start([flat[:count], small])
        uploader.finish()
    found = {a: n for a, n in fake_cuda.runtime.pinned.items() if a not in before}
    assert found == {flat.ctypes.data: PINNED}
    uploader.close()
    uploader._stream._work.clear()
    del flat
    gc.collect()
    assert fake_cuda.runtime.pinned == before


def test_memory_that_cannot_be_pinned_is_copied_all_the_same(streams, monkeypatch):
    def refuse(ptr, size, flags):
        raise fake_cuda.runtime.CUDARuntimeError("cudaErrorMemoryAllocation")

    monkeypatch.setattr(fake_cuda.runtime, "hostRegister", refuse)
    uploader, _ = streams(True, False)
    uploader.start([np.ones(PINNED, np.uint8)])
    assert uploader.finish()[0].get().all()


def test_nothing_was_started(streams):
    with pytest.raises(RuntimeError, match="no batch has been started"):
        streams(True, False)[0].finish()
