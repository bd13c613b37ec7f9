"""Batch: memory that is used again, whatever the shapes."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.data.batch import Batch


def test_nothing_moves_while_the_shape_stays():
    batch = Batch(3)
    batch.fit((2, 4, 5), (6,))
    data, labels = batch.arrays
    assert (data.shape, labels.shape, data.dtype) == ((3, 2, 4, 5), (3, 6), np.float32)
    batch.fit((2, 4, 5), (6,))
    assert batch.data is data
    assert batch.labels is labels


@pytest.mark.parametrize("labels", [(), (2,), (3, 1)])
def test_less_fits_into_what_is_there(labels):
    batch = Batch(3, np.float64)
    batch.fit((2, 4, 5), (3, 1))
    data, held = batch.arrays
    batch.fit((1, 3, 2), labels)
    assert batch.data.shape == (3, 1, 3, 2)
    assert batch.labels.shape == (3, *labels)
    assert np.shares_memory(batch.data, data)
    assert np.shares_memory(batch.labels, held)


def test_more_gets_room():
    batch = Batch(2)
    batch.fit((1, 1, 1))
    batch.fit((3, 2, 2), (5,))
    batch.data[...], batch.labels[...] = 7, 8
    assert (batch.data.size, batch.labels.size) == (24, 10)
