"""Hdf5Writer: appending to what a file holds."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from minicaffe.data.hdf5_writer import Hdf5Writer
from minicaffe.errors import DataError


def test_appends_to_an_older_file(tmp_path):
    path = tmp_path / "f.h5"
    for value in range(3):
        writer = Hdf5Writer(path, append=value > 0)
        writer.append({"x": np.full((value + 1, 2), value, np.float32)})
        writer.close()
    with h5py.File(path, "r") as file:
        np.testing.assert_array_equal(file["x"][:, 0], [0, 1, 1, 2, 2, 2])


def test_no_rows(tmp_path):
    writer = Hdf5Writer(tmp_path / "f.h5")
    for count in (0, 2, 0):
        writer.append({"x": np.ones((count, 3), np.float32)})
    writer.close()
    with h5py.File(tmp_path / "f.h5", "r") as file:
        assert file["x"].shape == (2, 3)


def test_a_disk_that_is_full(tmp_path, monkeypatch):
    writer = Hdf5Writer(tmp_path / "f.h5")

    def fail(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(h5py.File, "create_dataset", fail)
    with pytest.raises(DataError, match=r"f.h5: cannot be written: No space left on device"):
        writer.append({"x": np.ones((2, 3))})
    writer.close()


def test_refuses_other_rows(tmp_path):
    writer = Hdf5Writer(tmp_path / "f.h5")
    writer.append({"x": np.ones((2, 3))})
    with pytest.raises(DataError, match=r"f.h5: a row of x is \(4,\), expected \(3,\)"):
        writer.append({"x": np.ones((2, 4))})
    writer.close()
