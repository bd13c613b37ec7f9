"""MemoryData: batches of the caller's arrays, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, DataError, LayerConfigError, ShapeError
from tests.layers.runs import Runs

TEXT = "memory_data_param { batch_size: 3 channels: 2 height: 5 width: 4 }"


@pytest.fixture
def run(device):
    runs = Runs(device, "MemoryData")
    return lambda text=TEXT, **kwargs: runs(text, dtype=np.float32, **kwargs)


def arrays(count, shape=(2, 5, 4)):
    labels = np.arange(count, dtype=np.float32)
    data = labels.reshape(-1, 1, 1, 1) + np.linspace(0, 0.5, np.prod(shape)).reshape(shape)
    return data.astype(np.float32), labels


def test_shapes_are_known_before_there_is_data(run):
    assert [blob.shape for blob in run().top] == [(3, 2, 5, 4), (3,)]


def test_cycles_through(run):
    it = run()
    data, labels = arrays(6)
    it.layer.set_input_arrays(data, labels)
    for first in (0, 3, 0, 3, 0):
        found = it.forward()
        np.testing.assert_array_equal(found[0], data[first : first + 3])
        assert found[1].tolist() == [first, first + 1, first + 2]


def test_labels_as_pycaffe_wants_them(run):
    it = run()
    data, labels = arrays(3)
    it.layer.set_input_arrays(data, labels.reshape(3, 1, 1, 1))
    assert it.forward()[1].tolist() == [0, 1, 2]


def test_new_arrays_begin_at_their_start(run):
    it = run()
    it.layer.set_input_arrays(*arrays(6))
    it.forward()
    data, labels = arrays(9)
    it.layer.set_input_arrays(data, labels + 100)
    assert it.forward()[1].tolist() == [100, 101, 102]


def test_sees_changes_and_makes_none(run):
    it = run()
    data, labels = arrays(3)
    it.layer.set_input_arrays(data, labels)
    it.forward()
    data[1] = 50
    assert (it.forward()[0][1] == 50).all()
    it.top[0].data[...] = -1
    assert (data[1] == 50).all()


def test_resumes(run):
    it = run()
    it.layer.set_input_arrays(*arrays(9))
    it.forward()
    resumed = run()
    resumed.layer.set_input_arrays(*arrays(9))
    resumed.layer.set_position(it.layer.position())
    assert resumed.forward()[1].tolist() == it.forward()[1].tolist() == [3, 4, 5]


def test_backward_does_nothing(run):
    it = run()
    it.layer.set_input_arrays(*arrays(3))
    it.forward()
    it.layer.run_backward(it.top, [], [])


def test_warns_that_nothing_is_transformed(run, caplog):
    it = run(TEXT + " transform_param { scale: 2 }")
    data, labels = arrays(3)
    it.layer.set_input_arrays(data, labels)
    assert "MemoryData does not transform array data" in caplog.text
    np.testing.assert_array_equal(it.forward()[0], data)


@pytest.mark.parametrize("name", ["batch_size", "channels", "height", "width"])
@pytest.mark.parametrize("value", ["", "0"])
def test_refuses_without_a_size(run, name, value):
    fields = {"batch_size": "3", "channels": "2", "height": "5", "width": "4", name: value}
    given = " ".join(f"{field}: {size}" for field, size in fields.items() if size)
    with pytest.raises(
        LayerConfigError, match=rf"\(MemoryData\): {name} is 0 or not given, expected at least 1"
    ):
        run(f"memory_data_param {{ {given} }}")


@pytest.mark.parametrize("tops", [1, 3])
def test_refuses_other_numbers_of_tops(run, tops):
    with pytest.raises(BlobCountError, match=rf"{tops} top blob\(s\), expected 2"):
        run(tops=tops)


def test_forward_without_data(run):
    with pytest.raises(
        DataError, match=r"^layer 'it' \(MemoryData\): there is no data yet, .* set_input_arrays"
    ):
        run().forward()


DATA, LABELS = arrays(6)


@pytest.mark.parametrize(
    ("data", "labels", "error", "message"),
    [
        (DATA.astype(np.float64), LABELS, LayerConfigError, "data is float64, expected .*float32"),
        (DATA, LABELS.astype(int), LayerConfigError, "labels is int64, expected .*float32: num"),
        (DATA.tolist(), LABELS, LayerConfigError, "data is a list, expected a numpy array"),
        (
            DATA[::-1],
            LABELS,
            LayerConfigError,
            "data is not contiguous in memory, expected a C-contiguous array",
        ),
        (DATA, arrays(12)[1][::2], LayerConfigError, "labels is not contiguous"),
        (DATA[0], LABELS, ShapeError, r"data has shape \(2, 5, 4\), expected \(M, 2, 5, 4\)"),
        (arrays(6, (5, 4, 2))[0], LABELS, ShapeError, r"data has shape .*, expected \(M, 2, 5, 4"),
        (*arrays(4), ShapeError, "data has 4 images, expected a multiple of batch_size, 3"),
        (*arrays(0), ShapeError, "data has 0 images, expected a multiple"),
        (DATA, LABELS[:3], ShapeError, r"labels have shape \(3,\), expected \(6,\) or \(6, 1, 1"),
        (DATA, LABELS.reshape(1, 6), ShapeError, r"labels have shape \(1, 6\), expected"),
    ],
)
def test_refuses_arrays(run, data, labels, error, message):
    it = run()
    it.layer.set_input_arrays(*arrays(3))
    with pytest.raises(error, match=rf"^layer 'it' \(MemoryData\): {message}"):
        it.layer.set_input_arrays(data, labels)
    assert it.forward()[1].tolist() == [0, 1, 2]
