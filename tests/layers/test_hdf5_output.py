"""HDF5Output: what is in the file after one forward and more, and what it refuses."""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest

from minicaffe.errors import BlobCountError, DataError, LayerConfigError, ShapeError
from tests.build import build
from tests.data.hdf5_files import make_list
from tests.layers.runs import Runs


def text(path):
    return f'type: "HDF5Output" hdf5_output_param {{ file_name: "{path}" }}'


@pytest.fixture
def make(device, tmp_path):
    made = []

    def make(*arrays, path=tmp_path / "out.h5", **kwargs):
        made.append(build(text(path), device, *arrays, tops=0, **kwargs)[:2])
        return made[-1]

    yield make
    for layer, _ in made:
        layer.close()


def read(path):
    with h5py.File(path, "r") as file:
        return {name: file[name][...] for name in file}


def test_one_forward(make, tmp_path, rng):
    data, label = rng.standard_normal((3, 2, 5, 4)), np.arange(3.0).reshape(3, 1, 1, 1)
    layer, bottom = make(data, label, dtype=np.float32)
    layer.run_forward(bottom, [])
    layer.close()
    found = read(tmp_path / "out.h5")
    assert {name: array.dtype.name for name, array in found.items()} == {
        "data": "float32",
        "label": "float32",
    }
    np.testing.assert_array_equal(found["data"], data.astype(np.float32))
    np.testing.assert_array_equal(found["label"], label)


def test_many_forwards_of_several_sizes(make, tmp_path, rng):
    layer, bottom = make(rng.standard_normal((3, 2, 5, 4)), rng.standard_normal((3, 6)))
    kept = []
    for rows in (3, 1, 7):
        for blob in bottom:
            blob.reshape((rows, *blob.shape[1:]))
            kept.append(rng.standard_normal(blob.shape))
            blob.data[...] = layer.xp.asarray(kept[-1])
        layer.run_forward(bottom, [])
    layer.close()
    found = read(tmp_path / "out.h5")
    np.testing.assert_array_equal(found["data"], np.concatenate(kept[::2]))
    np.testing.assert_array_equal(found["label"][..., 0, 0], np.concatenate(kept[1::2]))


def test_fewer_axes_than_four_are_filled_up(make, tmp_path):
    layer, bottom = make(np.arange(6.0).reshape(2, 3), np.arange(2.0))
    layer.run_forward(bottom, [])
    layer.close()
    found = read(tmp_path / "out.h5")
    assert [found[name].shape for name in ("data", "label")] == [(2, 3, 1, 1), (2, 1, 1, 1)]


def test_more_axes_than_four_stay(make, tmp_path):
    layer, bottom = make(np.zeros((2, 3, 1, 4, 5)), np.zeros(2))
    layer.run_forward(bottom, [])
    layer.close()
    assert read(tmp_path / "out.h5")["data"].shape == (2, 3, 1, 4, 5)


def test_whole_after_each_forward(make, tmp_path):
    """What an abrupt end leaves behind is what is on the disk now."""
    layer, bottom = make(np.ones((2, 3)), np.ones(2))
    for count in (2, 4):
        layer.run_forward(bottom, [])
        shutil.copy(tmp_path / "out.h5", tmp_path / "copy.h5")
        assert read(tmp_path / "copy.h5")["data"].shape == (count, 3, 1, 1)


def test_replaces_an_older_file_and_goes_on_after_close(make, tmp_path):
    (tmp_path / "out.h5").write_bytes(b"old")
    layer, bottom = make(np.ones((2, 3)), np.ones(2))
    for _ in range(2):
        layer.run_forward(bottom, [])
        layer.close()
        layer.close()
    assert read(tmp_path / "out.h5")["label"].shape == (4, 1, 1, 1)


def test_what_it_writes_hdf5_data_reads(make, device, tmp_path, rng):
    data, label = rng.standard_normal((3, 2, 5, 4)), np.arange(3.0)
    layer, bottom = make(data, label)
    layer.run_forward(bottom, [])
    layer.close()
    source = make_list(tmp_path / "list", [tmp_path / "out.h5"])
    runs = Runs(device, "HDF5Data")
    definition = f'hdf5_data_param {{ source: "{source}" batch_size: 3 }}'
    found = runs(definition, names=("data", "label")).forward()
    runs.close()
    np.testing.assert_array_equal(found[0], data)
    np.testing.assert_array_equal(found[1].reshape(-1), label)


def test_backward(make, device):
    layer, bottom = make(np.ones((2, 3)), np.ones(2))
    layer.run_forward(bottom, [])
    for blob in bottom:
        blob.diff[...] = 7
    layer.run_backward([], [True, False], bottom)
    assert [device.to_numpy(blob.diff).max() for blob in bottom] == [0, 7]


def test_refuses_without_a_name(device):
    with pytest.raises(LayerConfigError, match="file_name is not given, expected the path"):
        build('type: "HDF5Output"', device, np.zeros((2, 3)), np.zeros(2), tops=0)


@pytest.mark.parametrize("count", [1, 3])
def test_refuses_other_numbers_of_bottoms(make, count):
    with pytest.raises(BlobCountError, match=rf"{count} bottom blob\(s\), expected 2"):
        make(*[np.zeros((2, 3))] * count)


def test_refuses_bottoms_that_do_not_fit(make, tmp_path):
    with pytest.raises(ShapeError, match="bottoms have 2 and 3 rows, expected as many labels"):
        make(np.zeros((2, 3)), np.zeros(3))
    with pytest.raises(ShapeError, match="bottom for label has no axes, expected rows"):
        make(np.zeros((2, 3)), np.zeros(()))
    assert not (tmp_path / "out.h5").exists()
    layer, bottom = make(np.zeros((2, 3)), np.zeros(2))
    bottom[1].reshape((4,))
    with pytest.raises(ShapeError, match="bottoms have 2 and 4 rows"):
        layer.run_forward(bottom, [])


def test_refuses_rows_of_another_size_and_keeps_what_there_is(make, tmp_path):
    layer, bottom = make(np.ones((2, 3)), np.ones(2))
    layer.run_forward(bottom, [])
    bottom[0].reshape((2, 5))
    with pytest.raises(DataError, match=r"out.h5: a row of data is \(5, 1, 1\), expected \(3, 1"):
        layer.run_forward(bottom, [])
    layer.close()
    assert {name: len(array) for name, array in read(tmp_path / "out.h5").items()} == {
        "data": 2,
        "label": 2,
    }


def test_refuses_a_file_that_cannot_be_opened(make, tmp_path):
    arrays = np.zeros((2, 3)), np.zeros(2)
    with pytest.raises(DataError, match=f"cannot be written: there is no folder {tmp_path}/no"):
        make(*arrays, path=tmp_path / "no" / "out.h5")
    with pytest.raises(DataError, match="is a folder, expected the path of a file to write"):
        make(*arrays, path=tmp_path)
    make(*arrays)
    with pytest.raises(DataError, match=r"out.h5: is open already: do two layers write it"):
        make(*arrays)
