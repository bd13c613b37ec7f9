"""Parts of a data set: whether they are written, and their mean."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.data.lmdb_writer import write_lmdb
from minicaffe.data.parts import Part, is_written
from minicaffe.errors import DataError


def part(count=30, seed=3):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 3, 4, 5)).astype(np.uint8)
    return Part("train", images, np.arange(count, dtype=np.uint8), 6)


def test_is_written(tmp_path):
    assert not is_written(tmp_path / "db", part())
    write_lmdb(tmp_path / "db", part().records())
    assert is_written(tmp_path / "db", part())
    with pytest.raises(DataError, match="db: holds 30 records that are not those"):
        is_written(tmp_path / "db", part(29))
    with pytest.raises(DataError, match="db: holds 30 records that are not those"):
        is_written(tmp_path / "db", part(seed=4))


def test_one_other_record_is_seen(tmp_path):
    records = list(part().records())
    records[-1] = (records[-1][0], records[-2][1])
    write_lmdb(tmp_path / "db", records)
    with pytest.raises(DataError, match="holds 30 records that are not those"):
        is_written(tmp_path / "db", part())


def test_mean():
    images = part(count=7).images
    expected = np.zeros((3, 4, 5), np.float32)
    for image in images:
        expected += image
    found = part(count=7).mean()
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected / np.float32(7))
