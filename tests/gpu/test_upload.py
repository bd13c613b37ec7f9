"""Batches on their way to a real card while it computes."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.data.upload import Uploader

pytestmark = pytest.mark.gpu

ROUNDS = 20


def test_every_batch_is_computed_with_whole(real):
    """The card is kept busy, so that a copy that does not wait for it would be seen."""
    host = np.empty((32, 3, 128, 128), np.float32)
    uploader = Uploader(real)
    busy = real.ones((2048, 2048), np.float32)
    sums = []
    host[:] = 0
    uploader.start([host])
    for number in range(ROUNDS):
        (array,) = uploader.finish()
        host[:] = number + 1
        uploader.start([host])
        for _ in range(3):
            real.dot(busy, busy)
        sums.append((array.min(), array.max()))
    found = [(float(least), float(most)) for least, most in sums]
    assert found == [(number, number) for number in range(ROUNDS)]
    uploader.close()


def test_what_is_pinned_is_let_go(real):
    uploader = Uploader(real)
    for _ in range(3):
        array = np.ones((256, 1024), np.float32)
        uploader.start([array])
        (copy,) = uploader.finish()
        assert float(copy.sum()) == array.size
        del array
    uploader.close()
