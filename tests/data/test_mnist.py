"""MNIST: its files verified, its records as the original writes them."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from minicaffe.data.download import Remote
from minicaffe.data.mnist import KEYS, IdxSet, read_parts
from minicaffe.errors import DataError
from minicaffe.proto.minicaffe_pb2 import Datum
from tests.data.mnist_files import digits, idx, write_files

MNIST = Path(__file__).parents[2] / "models" / "lenet" / "data"
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.skipif(not MNIST.is_dir(), reason="a wheel has no MNIST")
def test_the_files_of_the_repository_are_mnist():
    (train, test), others = read_parts(MNIST)
    assert not others
    assert (train.images.shape, test.images.shape) == ((60000, 1, 28, 28), (10000, 1, 28, 28))
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(test.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip


def test_others_of_its_form_are_named(tmp_path):
    write_files(tmp_path, digits())
    parts, others = read_parts(tmp_path)
    assert [(part.name, len(part)) for part in parts] == [("train", 30), ("test", 20)]
    assert len(others) == len(KEYS) == 4


def test_records_are_datums(tmp_path):
    arrays = digits()
    (train, _), _ = read_parts(write_files(tmp_path, arrays))
    records = list(train.records())
    assert [key for key, _ in records] == [b"%08d" % index for index in range(30)]
    for index, (_, raw) in enumerate(records):
        datum = Datum.FromString(raw)
        assert (datum.channels, datum.height, datum.width) == (1, 28, 28)
        assert datum.data == arrays[IMAGES][index].tobytes()
        assert datum.label == index % 10
    # the original's converter sets these fields and no others
    assert records[0][1][:9] == b"\x08\x01\x10\x1c\x18\x1c\x22\x90\x06"
    assert len(records[0][1]) == 9 + 784 + 2


@pytest.mark.parametrize("spelling", ["{}", "{}.gz"])
@pytest.mark.parametrize("dot", ["-idx", ".idx"])
def test_spellings(tmp_path, spelling, dot):
    for name, array in digits().items():
        (tmp_path / spelling.format(name.replace("-idx", dot))).write_bytes(idx(array))
    assert len(read_parts(tmp_path)[0]) == 2


def test_refuses_a_folder_without_some(tmp_path):
    write_files(tmp_path, digits())
    (tmp_path / f"{IMAGES}.gz").unlink()
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    message = f"{tmp_path}: expected {IMAGES}.gz, t10k-labels-idx1-ubyte.gz, found none"
    with pytest.raises(DataError, match=re.escape(message)):
        read_parts(tmp_path)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (LABELS, np.zeros(29, np.uint8), "29 labels, expected 30, one an image"),
        (LABELS, np.arange(30, dtype=np.uint8) % 11, "label 10 is 10, expected 0 to 9"),
        (IMAGES, np.zeros((30, 28, 27), np.uint8), r"images are (30, 28, 27), expected (N, 28, 28"),
        (IMAGES, np.zeros((0, 28, 28), np.uint8), "images are (0, 28, 28), expected"),
        (IMAGES, np.zeros(30, np.uint8), "starts with 00 00 08 01, expected 00 00 08 03"),
    ],
)
def test_refuses_files_that_do_not_fit(tmp_path, name, array, message):
    write_files(tmp_path, digits() | {name: array})
    with pytest.raises(DataError, match=re.escape(f"{tmp_path / name}.gz: {message}")):
        read_parts(tmp_path)


@pytest.mark.parametrize("packed", [True, False])
def test_fashion_is_told_by_its_files(tmp_path, packed):
    """Its checksums are published for the gzipped files alone."""
    files = write_files(tmp_path, digits())
    if not packed:
        for path in list(files.iterdir()):
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
    remotes = {}
    for key in KEYS:
        raw = gzip.compress(idx(digits()["{}-{}-idx{}-ubyte".format(*key)]), mtime=0)
        name = "{}-{}-idx{}-ubyte.gz".format(*key)
        remotes[key] = Remote(name, len(raw), "md5", hashlib.md5(raw).hexdigest(), ())
    others = read_parts(files, IdxSet("Fashion-MNIST", {}, remotes))[1]
    assert len(others) == (0 if packed else 4)
