"""What a user's layer is given: its blobs as NumPy arrays, on every device."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.blob import Blob
from minicaffe.errors import ShapeError
from minicaffe.python_layer import BlobView, Layer


def view(device, shape):
    return BlobView(Blob(device, shape))


def test_is_a_blob_in_numpy_arrays(device):
    blob = view(device, (2, 3))
    assert type(blob.data) is type(blob.diff) is np.ndarray
    assert blob.data.dtype == np.float32
    assert (blob.shape, blob.count, blob.data.shape, blob.diff.shape) == ((2, 3), 6, (2, 3), (2, 3))
    blob.data[1] = 5
    blob.data[...] += 1
    blob.diff[0, 0] = 7
    assert blob.data.tolist() == [[1, 1, 1], [6, 6, 6]]
    assert blob.diff.tolist() == [[7, 0, 0], [0, 0, 0]]


def test_what_is_assigned_reaches_the_blob(device):
    blob = view(device, (2,))
    blob.data[...] = 3
    blob.diff[...] = 4
    blob.write_back()
    assert device.to_numpy(blob.blob.data).tolist() == [3, 3]
    assert device.to_numpy(blob.blob.diff).tolist() == [4, 4]
    blob.blob.data[...] = 9
    assert blob.data.tolist() == [9, 9]


def test_an_array_is_not_replaced(device):
    with pytest.raises(AttributeError):
        view(device, (2,)).data = np.ones(2)


def test_what_nobody_asks_for_is_not_made(device):
    blob = view(device, (2,))
    blob.data[...] = 3
    blob.write_back()
    assert not blob.blob.has_diff


@pytest.mark.parametrize(
    ("dims", "shape"),
    [
        ((1,), (1,)),
        ((2, 3), (2, 3)),
        (([2, 3],), (2, 3)),
        (((4,),), (4,)),
        ((), ()),
        (((),), ()),
        ((np.int64(5), 2), (5, 2)),
        ((np.array([5, 2]),), (5, 2)),
    ],
)
def test_reshape_takes_numbers_or_a_sequence(device, dims, shape):
    blob = view(device, (2, 3))
    blob.reshape(*dims)
    assert blob.shape == blob.data.shape == shape


def test_reshape_keeps_what_was_assigned(device):
    blob = view(device, (2, 3))
    blob.data[...] = np.arange(6).reshape(2, 3)
    blob.reshape(3, 2)
    assert blob.data.tolist() == [[0, 1], [2, 3], [4, 5]]


def test_reshape_refuses_a_negative_size(device):
    with pytest.raises(ShapeError, match=r"shape is \(2, -1\)"):
        view(device, (2, 3)).reshape(2, -1)


@pytest.mark.parametrize(
    ("shape", "legacy"),
    [((2, 3, 4, 5), (2, 3, 4, 5)), ((2, 3), (2, 3, 1, 1)), ((), (1, 1, 1, 1))],
)
def test_legacy_names_of_axes(device, shape, legacy):
    blob = view(device, shape)
    assert (blob.num, blob.channels, blob.height, blob.width) == legacy


def test_legacy_names_end_at_four_axes(device):
    with pytest.raises(ShapeError, match=r"\(1, 2, 3, 4, 5\), expected at most 4 axes: num, ch"):
        view(device, (1, 2, 3, 4, 5)).num  # noqa: B018  # the property is what raises


def test_the_base_class_leaves_the_work_to_others():
    layer = Layer(None)
    layer.setup([], [])
    for method, args in [("reshape", 2), ("forward", 2), ("backward", 3)]:
        with pytest.raises(NotImplementedError):
            getattr(layer, method)(*[[]] * args)
