"""ImageMean and write_mean: the original's file, NumPy's mean, and refusals."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from minicaffe.data.datum import DatumDecoder
from minicaffe.data.image_mean import ImageMean, write_mean
from minicaffe.data.lmdb_source import LmdbSource
from minicaffe.data.transformer import read_mean
from minicaffe.errors import DataError, WeightsError
from minicaffe.proto.minicaffe_pb2 import BlobProto, TransformationParameter
from tests.data.databases import datum, encoded, numbered

GOLDEN = Path(__file__).parents[1] / "golden" / "data"


def summed(records):
    """The mean of (key, record)s."""
    total, decode = ImageMean("db"), DatumDecoder("db", TransformationParameter())
    for key, record in records:
        total.add(key, decode(key, record))
    return total


def keyed(datums):
    return [(b"%d" % index, each.SerializeToString()) for index, each in enumerate(datums)]


@pytest.mark.parametrize("name", ["db.lmdb", "db_encoded.lmdb"])
def test_the_file_is_that_of_the_original(tmp_path, name):
    source = LmdbSource(str(GOLDEN / name))
    total = summed(islice(source.records(0), len(source)))
    assert total.count == 7
    write_mean(tmp_path / "mean", total.mean())
    assert (tmp_path / "mean").read_bytes() == (GOLDEN / "mean.binaryproto").read_bytes()


def test_raw_encoded_and_float_images_together(rng):
    images = rng.integers(0, 256, (3, 3, 4, 5)).astype(np.uint8)
    png = cv2.imencode(".png", images[1].transpose(1, 2, 0))[1].tobytes()
    values = images[2].astype(np.float32) + 0.5
    mean = summed(keyed([datum(images[0]), encoded(png), datum(values)])).mean()
    assert mean.dtype == np.float32
    expected = (images[0].astype(float) + images[1] + values) / 3
    np.testing.assert_array_equal(mean, expected.astype(np.float32))


def test_sums_are_exact():
    """Float32 would lose the ones: 2**24 + 1 is none of its numbers."""
    big, one = np.full((1, 1, 2), 2.0**24, np.float32), np.ones((1, 1, 2), np.uint8)
    total = summed(keyed([datum(big), *[datum(one)] * 31]))
    np.testing.assert_array_equal(total.mean(), np.float32((2**24 + 31) / 32))


def test_the_file_is_read_back(tmp_path, rng):
    mean = rng.normal(size=(2, 3, 4)).astype(np.float32)
    write_mean(tmp_path / "mean", mean)
    np.testing.assert_array_equal(read_mean(str(tmp_path / "mean")), mean)
    proto = BlobProto.FromString((tmp_path / "mean").read_bytes())
    assert [field.name for field, _ in proto.ListFields()] == [
        *("num", "channels", "height", "width", "data")
    ]
    assert (proto.num, proto.channels, proto.height, proto.width) == (1, 2, 3, 4)


def test_refuses_another_size():
    """Of as many bytes."""
    records = keyed([*numbered(2, (2, 3, 4)), *numbered(1, (2, 4, 3))])
    with pytest.raises(
        DataError, match=r"db \(2\): image is 2 x 4 x 3, expected 2 x 3 x 4 as of 0"
    ):
        summed(records)


def test_refuses_no_images():
    with pytest.raises(DataError, match="db: none of its images can be read"):
        ImageMean("db").mean()


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(WeightsError, match=r"cannot write .*mean: No such file or directory"):
        write_mean(tmp_path / "no" / "mean", np.zeros((1, 2, 3), np.float32))
