"""Blobs as messages: values, shapes, the old form, damage."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.blob import Blob
from minicaffe.blob_proto import (
    array_to_proto,
    blob_from_proto,
    blob_to_proto,
    fits,
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


def test_the_old_form_comes_before_the_new():
    """As in the original, where a message has both."""
    proto = BlobProto(num=1, channels=1, height=2, width=3)
    proto.shape.dim.extend([6])
    assert proto_shape(proto) == (1, 1, 2, 3)
    assert fits(proto, (2, 3))
    assert not fits(proto, (6,))


@pytest.mark.parametrize(
    ("old", "shape", "expected"),
    [
        ((1, 1, 1, 3), (3,), True),
        ((1, 1, 1, 3), (1, 3), True),
        ((1, 1, 1, 1), (), True),
        ((3, 1, 1, 1), (3,), False),
        ((2, 3, 4, 5), (2, 3, 4, 5), True),
        ((2, 3, 4, 5), (1, 2, 3, 4, 5), False),
    ],
)
def test_ones_in_front_belong_to_the_old_form_alone(old, shape, expected):
    proto = BlobProto(num=old[0], channels=old[1], height=old[2], width=old[3])
    assert fits(proto, shape) == expected
    new = BlobProto()
    new.shape.dim.extend(old)
    assert fits(new, shape) == (old == shape)


def test_doubles_come_before_floats():
    proto = BlobProto(data=[1, 2], double_data=[3, 4])
    proto.shape.dim.append(2)
    np.testing.assert_array_equal(proto_array(proto), [3, 4])


RAW = {
    BlobProto.DOUBLE: "<f8",
    BlobProto.FLOAT: "<f4",
    BlobProto.FLOAT16: "<f2",
    BlobProto.INT: "<i4",
    BlobProto.UINT: "<u4",
}


@pytest.mark.parametrize("raw_type", BlobProto.RawType.values())
@pytest.mark.parametrize("kind", ["data", "diff"])
def test_raw_values_of_nvidias_fork(device, raw_type, kind):
    values = np.array([[3, 2**31 if raw_type == BlobProto.UINT else -2, 0]], RAW[raw_type])
    proto = BlobProto(**{f"raw_{kind}": values.tobytes(), f"raw_{kind}_type": raw_type})
    getattr(proto, kind).extend([7])  # raw comes first
    proto.shape.dim.extend([1, 3])
    np.testing.assert_array_equal(proto_array(proto, kind), values)
    if kind == "data":
        blob = blob_from_proto(proto, device, np.float32)
        np.testing.assert_array_equal(device.to_numpy(blob.data), values.astype(np.float32))


@pytest.mark.parametrize(
    ("size", "message"), [(6, "holds 3 values"), (2, "holds 1 values"), (3, "holds 3 bytes, not")]
)
def test_raw_values_that_do_not_fill_the_shape(size, message):
    proto = BlobProto(raw_data=bytes(size), raw_data_type=BlobProto.FLOAT16)
    proto.shape.dim.append(2)
    with pytest.raises(WeightsError, match=message):
        proto_array(proto)


@pytest.mark.parametrize("more", [b"", b"\x50\x09"])  # no type, or one that is not known
def test_raw_values_of_no_known_type(more):
    proto = BlobProto(raw_data=bytes(4))
    proto.shape.dim.append(1)
    proto.MergeFromString(more)
    with pytest.raises(WeightsError, match="raw_data, expected raw_data_type beside it, one of D"):
        proto_array(proto)
