"""The Python version of CIFAR: read, and never run."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from minicaffe.data.cifar import CIFAR10, CIFAR100
from minicaffe.data.cifar_pickle import records
from minicaffe.errors import DataError
from tests.data.cifar_files import arrays, binary, pickled

PYTHON_2 = (  # what Python 2.7 and NumPy of 2009 write, for data of (2, 3)
    b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq"
    b"\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K"
    b"\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06\xff\x01\x02\x03\x04\x05tb"
    b"U\x06labelsq\x08]q\t(K\x09K\x00eu."
)


@pytest.mark.parametrize("kind", [CIFAR10, CIFAR100], ids=lambda kind: kind.title)
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_is_the_binary_version(kind, protocol):
    array = next(iter(arrays(kind).values()))
    raw = pickled(array, kind, protocol)
    names = [name for name, _ in kind.labels]
    assert records(raw, names, 3072, "batch") == binary(array)


def test_of_python_2():
    made = records(PYTHON_2, ["labels"], 3, "batch")
    assert made == b"\x09\xff\x01\x02\x00\x03\x04\x05"


class Evil:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "call", [(os.mkdir, ("evil",)), (eval, ("open('evil', 'w')",)), (np.savetxt, ("evil", [1]))]
)
def test_nothing_is_run(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"batch: is no pickle of CIFAR.*: names \w+.*\.\w+, which"):
        records(pickle.dumps({b"data": Evil(*call)}), ["labels"], 3, "batch")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no pickle",
        PYTHON_2[:80],
        pickle.dumps([1, 2]),
        pickle.dumps(3),
        pickle.dumps({b"labels": [1]}),
        pickle.dumps({b"data": b"abc", b"labels": [1]}),
        pickle.dumps({3: b"abc"}),
    ],
)
def test_other_pickles(raw):
    with pytest.raises(DataError, match="batch: is no pickle of CIFAR's Python version: "):
        records(raw, ["labels"], 3, "batch")


@pytest.mark.parametrize(
    ("data", "labels", "message"),
    [
        (np.zeros((2, 4), np.uint8), [0, 1], r"data of shape \(2, 4\), expected \(N, 3\)"),
        (np.asfortranarray(np.zeros((2, 3), np.uint8)), [0, 1], "row by row"),
        (np.zeros((2, 3), np.uint16), [0, 1], "data of 12 bytes, expected 6"),
        (np.zeros((2, 3), object), [0, 1], "row by row"),
        (np.zeros((2, 3), np.uint8), [0], "labels are not 2 bytes"),
        (np.zeros((2, 3), np.uint8), [0, 256], "labels are not 2 bytes"),
        (np.zeros((2, 3), np.uint8), [0, -1], "labels are not 2 bytes"),
        (np.zeros((2, 3), np.uint8), [0, "x"], "invalid literal"),
    ],
)
def test_other_contents(data, labels, message):
    raw = pickle.dumps({b"data": data, b"labels": labels}, 2)
    with pytest.raises(DataError, match=message):
        records(raw, ["labels"], 3, "batch")
