"""Blobs as NumPy arrays, on every device: what users' layers and pycaffe's nets hold."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.blob import Blob as EngineBlob
from minicaffe.device import cpu
from minicaffe.errors import DeviceError, MinicaffeError, ShapeError
from minicaffe.user_blob import Blob, BlobVec
from tests.build import build


def view(device, shape):
    return Blob(EngineBlob(device, shape))


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


@pytest.mark.parametrize("kind", ["data", "diff"])
def test_an_array_is_not_replaced(device, kind):
    blob = view(device, (2,))
    for value in (np.ones(2), np.ones(2, np.float32), [1, 2], 3):
        with pytest.raises(AttributeError, match=rf"blob\.{kind}\[\.\.\.\] = x") as caught:
            setattr(blob, kind, value)
        assert isinstance(caught.value, MinicaffeError)
    assert not getattr(blob, kind).any()


def test_an_array_is_changed_in_place(device):
    blob = view(device, (2,))
    blob.data += 3
    blob.diff -= 4
    blob.data *= 2
    assert blob.data.tolist() == [6, 6]
    assert blob.diff.tolist() == [-4, -4]


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


def test_the_host_sees_one_array_as_long_as_the_memory_is_the_same(device):
    blob = view(device, (2, 3))
    held = blob.data
    held[...] = 1
    blob.write_back()
    blob.blob.data[...] = 2
    assert blob.data is not None
    assert (held == 2).all()
    assert np.shares_memory(held, blob.data)


def test_blobs_that_share_memory_share_it_on_the_host(device):
    one, other = view(device, (6,)), view(device, (2, 3))
    other.blob.share_data(one.blob)
    one.data[...] = np.arange(6)
    other.data[1] = 9
    assert one.data.tolist() == [0, 1, 2, 9, 9, 9]
    one.write_back()
    other.write_back()
    assert device.to_numpy(one.blob.data).tolist() == [0, 1, 2, 9, 9, 9]


def test_what_is_put_there_replaces_what_the_host_wrote(device):
    blob = view(device, (3,))
    blob.data[...] = 5
    blob.put("data", np.arange(3.0))
    assert blob.data.tolist() == [0, 1, 2]
    blob.write_back()
    assert device.to_numpy(blob.blob.data).tolist() == [0, 1, 2]


def test_new_memory_starts_anew(device):
    blob = view(device, (2,))
    blob.data[...] = 5
    blob.reshape(4)
    assert blob.data.tolist() == [0, 0, 0, 0]
    blob.data[...] = 6
    blob.blob.set_data(device.xp.asarray(np.ones(4, np.float32)))
    assert blob.data.tolist() == [1, 1, 1, 1]


def test_pointers_are_of_the_gpu():
    with pytest.raises(DeviceError, match="set_mode_gpu"):
        view(cpu(), (2,))._gpu_data_ptr  # noqa: B018  # the property is what raises
    with pytest.raises(DeviceError, match="_gpu_diff_ptr"):
        view(cpu(), (2,))._gpu_diff_ptr  # noqa: B018


def test_says_what_it_is():
    assert repr(view(cpu(), (2, 3))) == "<Blob (2, 3)>"


class TestBlobVec:
    def vec(self, device):
        layer, _, _ = build(
            'type: "InnerProduct" inner_product_param { num_output: 4 }', device, np.ones((2, 3))
        )
        return BlobVec(layer)

    def test_is_a_sequence(self, device):
        blobs = self.vec(device)
        assert [blob.shape for blob in blobs] == [(4, 3), (4,)]
        assert (len(blobs), blobs[-1].shape, blobs[:1][0].shape) == (2, (4,), (4, 3))
        assert repr(blobs) == "<BlobVec [(4, 3), (4,)]>"
        with pytest.raises(IndexError):
            blobs[2]

    def test_grows(self, device):
        blobs = self.vec(device)
        blobs.add_blob(2, 5)
        blobs.append(view(device, (6,)))
        blobs.extend([view(device, (7,)), view(device, ())])
        assert [blob.shape for blob in blobs[2:]] == [(2, 5), (6,), (7,), ()]

    def test_writes_back(self, device):
        blobs = self.vec(device)
        blobs[1].data[...] = 3
        blobs.write_back()
        assert device.to_numpy(blobs[1].blob.data).tolist() == [3, 3, 3, 3]
