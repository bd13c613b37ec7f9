"""Blobs as messages: values, shapes, the old form, damage."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.blob import Blob
from minicaffe.blob_proto import (
    array_to_proto,
    blob_from_proto,
    blob_to_proto,
    proto_array,
    proto_shape,
)
from minicaffe.errors import WeightsError
from minicaffe.proto.minicaffe_pb2 import BlobProto


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 5), (0, 4), (70, 90)])
def test_there_and_back(device, rng, dtype, shape):
    blob = Blob(device, shape, dtype)
    blob.data[...] = device.xp.asarray(rng.standard_normal(shape).astype(dtype))
    blob.diff[...] = device.xp.asarray(rng.standard_normal(shape).astype(dtype))
    proto = BlobProto.FromString(blob_to_proto(blob, diff=True).SerializeToString())
    back = blob_from_proto(proto, device, dtype)
    assert back.shape == shape
    np.testing.assert_array_equal(device.to_numpy(back.data), device.to_numpy(blob.data))
    if blob.count:
        diff = proto_array(proto, "diff")
        np.testing.assert_array_equal(diff, device.to_numpy(blob.diff))


def test_protobuf_reads_what_went_in_as_bytes(rng):
    values = rng.standard_normal((2, 3)).astype(np.float32)
    assert list(array_to_proto(values).data) == values.reshape(-1).tolist()
    assert (
        list(array_to_proto(values.astype(np.float64)).double_data) == values.reshape(-1).tolist()
    )


def test_what_protobuf_wrote_is_read(rng):
    values = rng.standard_normal((2, 3)).astype(np.float32)
    proto = BlobProto(data=values.reshape(-1).tolist())
    proto.shape.dim.extend([2, 3])
    np.testing.assert_array_equal(proto_array(proto), values)


def test_the_old_form_has_four_axes():
    assert proto_shape(BlobProto(num=1, channels=1, height=2, width=3)) == (1, 1, 2, 3)
    assert proto_array(BlobProto(num=1, channels=2, height=1, width=1, data=[5, 6])).shape == (
        1,
        2,
        1,
        1,
    )


def test_no_values_are_none():
    assert proto_array(BlobProto(num=1)) is None


@pytest.mark.parametrize("dims", [[2, 2], [-1, -3], [2**62, 2**62, 2**62]])
def test_a_shape_that_does_not_fit_is_damage(dims):
    proto = BlobProto(data=[1, 2, 3])
    proto.shape.dim.extend(dims)
    with pytest.raises(WeightsError, match="holds 3 values: the file is damaged"):
        proto_array(proto)
