"""What is in an HDF5 file is read; what is wrong with one is an error, and nothing worse."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from minicaffe import hdf5
from minicaffe.errors import PrototxtError, WeightsError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "it.h5"


def made(path, make):
    """A file that ``make`` has filled."""
    with h5py.File(path, "w") as file:
        make(file)
    return path


def blob(path, name="x"):
    """Read the dataset ``name`` as a reader of weights does."""
    with hdf5.reading(path) as file:
        found = hdf5.HDF5Blob(hdf5.members(file)[name])
        found.check()
        array = found.array()
        target = np.full(found.shape, 9, np.float32)
        found.copy_to(target, np)
        np.testing.assert_array_equal(target, array.astype(np.float32))
        return array


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f8", "<i4", "u1"])
@pytest.mark.parametrize("shape", [(), (3, 4), (0, 2), (2, 0), (1,)])
def test_numbers(path, dtype, shape):
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    made(path, lambda file: file.create_dataset("x", data=values))
    np.testing.assert_array_equal(blob(path), values)


def test_compressed_numbers(path, rng):
    values = rng.standard_normal((50, 7)).astype(np.float32)
    made(path, lambda f: f.create_dataset("x", data=values, compression="gzip", chunks=(8, 7)))
    np.testing.assert_array_equal(blob(path), values)


def test_large_arrays_are_copied_in_parts(path, monkeypatch, rng):
    monkeypatch.setattr(hdf5, "_PART", 40)
    values = rng.standard_normal((11, 3))
    made(path, lambda file: file.create_dataset("x", data=values))
    np.testing.assert_array_equal(blob(path), values)


def test_shapes_fit_only_themselves(path):
    made(path, lambda file: file.create_dataset("x", data=np.zeros((1, 3))))
    with hdf5.reading(path) as file:
        found = hdf5.HDF5Blob(file["x"])
        assert found.fits([1, 3])
        assert not found.fits((3,))


def virtual(file):
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3,))
    file.create_virtual_dataset("x", layout)


HOSTILE = {
    "text": (lambda f: f.create_dataset("x", data=b"hello"), "holds .* expected numbers"),
    "a compound": (lambda f: f.create_dataset("x", data=np.zeros(2, "f4,i4")), "expected numbers"),
    "nothing": (lambda f: f.create_dataset("x", data=h5py.Empty("f4")), "is no array"),
    "a group": (lambda f: f.create_group("x"), "is no array"),
    "terabytes": (lambda f: f.create_dataset("x", (1 << 40,), "f4"), "stores 0 for it"),
    "compressed terabytes": (
        lambda f: f.create_dataset("x", (1 << 40,), "f4", chunks=(1024,), compression="gzip"),
        "stores 0 for it",
    ),
    "an overflow": (lambda f: f.create_dataset("x", (1 << 31, 1 << 30), "f4"), "stores 0 for it"),
    "a huge chunk": (
        lambda f: f.create_dataset(
            "x", data=np.ones(9, "f4"), chunks=(1 << 16,), maxshape=(None,), compression="gzip"
        ),
        "in chunks of 262144 bytes",
    ),
    "another file's bytes": (
        lambda f: f.create_dataset("x", (3,), "f4", external=[("/etc/passwd", 0, 12)]),
        "in another file",
    ),
    "another file's array": (virtual, "in another file"),
    "another file": (
        lambda f: f.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/")),
        "/x is a link",
    ),
    "itself": (lambda f: f.__setitem__("x", h5py.SoftLink("/x")), "/x is a link"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_refusals(path, what, monkeypatch):
    monkeypatch.setattr(hdf5, "_LARGEST_CHUNK", 2**17)
    make, message = HOSTILE[what]
    made(path, make)
    with pytest.raises(WeightsError, match=message):
        blob(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: f.create_dataset("n", data=[1, 2]), "n has shape \\(2,\\), expected one number"),
        (lambda f: f.create_dataset("n", data=1.5), "n is 1.5, expected a whole number"),
        (lambda f: f.create_group("n"), "no dataset 'n'"),
        (lambda f: None, "no dataset 'n'"),
    ],
)
def test_what_is_no_whole_number(path, make, message):
    made(path, make)
    with hdf5.reading(path) as file, pytest.raises(WeightsError, match=message):
        hdf5.read_int(file, "n")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("of any length", "no text of a fixed length"),
        (3, "no text of a fixed length"),
        (np.array([b"ab", b"c"]), "no text of a fixed length"),
        (np.bytes_(b"\xff\xfe"), "not UTF-8"),
    ],
)
def test_what_is_no_text(path, value, message):
    made(path, lambda file: file.create_dataset("t", data=value))
    with hdf5.reading(path) as file, pytest.raises(WeightsError, match=message):
        hdf5.read_string(file, "t")


def test_a_text_that_is_not_stored(path):
    made(path, lambda file: file.create_dataset("t", (), "S2000000000"))
    with hdf5.reading(path) as file, pytest.raises(WeightsError, match="stores 0 for it"):
        hdf5.read_string(file, "t")


def test_damaged_files(path):
    made(path, lambda file: file.create_dataset("x", data=np.ones((20, 30), "f4")))
    data = path.read_bytes()
    assert hdf5.is_hdf5(path)
    for cut in (9, 100, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(PrototxtError, match=r"it.h5: is a damaged HDF5 file"):
            blob(path)


def test_the_start_of_a_file_tells_what_it_is(path, tmp_path):
    path.write_bytes(b"\x0a\x03abc")
    assert not hdf5.is_hdf5(path)
    with pytest.raises(PrototxtError, match="no such file"):
        hdf5.is_hdf5(tmp_path / "no")
