"""HDF5 files are of the form that the original reads; a full disk is an error and nothing more."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from minicaffe import hdf5, hdf5_writer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "it.h5"


def test_whole_numbers_and_texts_return(path):
    with hdf5_writer.writing(path) as file:
        hdf5_writer.write_int(file, "n", 7)
        hdf5_writer.write_string(file, "t", "grün/x")
        hdf5_writer.write_string(file, "empty", "")
    with hdf5.reading(path) as file:
        assert hdf5.read_int(file, "n") == 7
        assert hdf5.read_string(file, "t") == "grün/x"
        assert hdf5.read_string(file, "empty") == ""


def test_the_form_is_the_originals(path):
    """A superblock of version 0; a text that ends with a zero; a number in an array of one."""
    with hdf5_writer.writing(path) as file:
        hdf5_writer.write_int(file, "n", 7)
        hdf5_writer.write_string(file, "t", "abc")
    assert path.read_bytes()[8] == 0
    with h5py.File(path) as file:
        kind = file["t"].id.get_type()
        assert (kind.get_size(), kind.get_strpad(), kind.is_variable_str()) == (
            4,
            h5py.h5t.STR_NULLTERM,
            False,
        )
        assert file["n"].shape == (1,)
        assert file["n"].dtype == "<i4"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError), hdf5_writer.writing(tmp_path / "no" / "x"):
        pass


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [("write", (b"abc",), 3), ("flush", (), None), ("truncate", (5,), 5), ("seek", (7,), 7)],
)
def test_hdf5_itself_hears_of_no_error(name, args, result):
    """It would keep the file half open, and crash with the next one."""

    class Full:
        def fail(self, *args):
            raise OSError(28, "No space left on device")

        write = flush = truncate = seek = fail

    steady = hdf5_writer._Steady(Full())
    assert getattr(steady, name)(*args) == result
    assert "No space left" in str(steady.error)


def test_after_a_full_disk_other_files_are_still_read_and_written(path, tmp_path):
    resource = pytest.importorskip("resource")
    with hdf5_writer.writing(path) as file:
        file.create_dataset("x", data=np.ones(3))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
        for _ in range(3):
            with (
                pytest.raises(OSError, match="File too large"),
                hdf5_writer.writing(tmp_path / "other") as file,
            ):
                file.create_dataset("x", data=np.ones(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with hdf5_writer.writing(tmp_path / "other") as file:
        file.create_dataset("x", data=np.ones(1000))
    for each in (path, tmp_path / "other"):
        with h5py.File(each) as file:
            assert file["x"][()].all()
