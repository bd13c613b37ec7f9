from __future__ import annotations

import cv2
import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from minicaffe import io
from minicaffe.errors import ArrayError, MinicaffeError
from minicaffe.proto.caffe_pb2 import BlobProto, BlobProtoVector, Datum

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7


def blob(values=(), **fields):
    return BlobProto(data=values, **fields)


@pytest.mark.parametrize(
    ("fields", "shape"),
    [
        ({"shape": {"dim": [2, 3]}}, (2, 3)),
        ({"shape": {"dim": [6]}}, (6,)),
        ({"shape": {"dim": [1, 2, 1, 3, 1]}}, (1, 2, 1, 3, 1)),
        ({"num": 1, "channels": 1, "height": 3, "width": 2}, (1, 1, 3, 2)),
        ({"num": 1, "channels": 3, "height": 2, "width": 1, "shape": {"dim": [6]}}, (1, 3, 2, 1)),
    ],
)
def test_the_shape_of_a_message(fields, shape):
    array = io.blobproto_to_array(blob(range(6), **fields))
    np.testing.assert_array_equal(array, np.arange(6.0).reshape(shape))
    assert array.dtype == np.float64
    array += 1  # it is the caller's


def test_one_number_needs_no_shape():
    assert io.blobproto_to_array(blob([123])) == 123
    assert io.blobproto_to_array(blob([123])).shape == ()


def test_several_numbers_need_a_shape():
    with pytest.raises(ValueError, match=r"blob of shape \(\) holds 6 values") as caught:
        io.blobproto_to_array(blob(range(6)))
    assert isinstance(caught.value, MinicaffeError)


def test_too_few_values():
    with pytest.raises(ArrayError, match=r"shape \(2, 4\) holds 6 values"):
        io.blobproto_to_array(blob(range(6), shape={"dim": [2, 4]}))


def test_nothing_where_nothing_is_due():
    assert io.blobproto_to_array(blob(shape={"dim": [0, 5]})).shape == (0, 5)


@pytest.mark.parametrize(
    "fields",
    [
        {"double_data": [0.1, 0.2]},
        {"raw_data": np.float64([0.1, 0.2]).tobytes(), "raw_data_type": BlobProto.DOUBLE},
    ],
)
def test_other_forms_of_the_values(fields):
    array = io.blobproto_to_array(BlobProto(shape={"dim": [2]}, **fields))
    np.testing.assert_array_equal(array, [0.1, 0.2])


def test_the_diff():
    message = io.array_to_blobproto(X, -X)
    np.testing.assert_array_equal(io.blobproto_to_array(message), X)
    np.testing.assert_array_equal(io.blobproto_to_array(message, True), -X)
    np.testing.assert_array_equal(io.blobproto_to_array(message, return_diff=True), -X)


def test_a_diff_that_is_not_there():
    with pytest.raises(ValueError, match=r"has no diff, expected 24 values: \(2, 3, 4\)"):
        io.blobproto_to_array(io.array_to_blobproto(X), return_diff=True)


def test_a_diff_of_another_shape():
    with pytest.raises(ValueError, match=r"diff has shape \(24,\), expected .* \(2, 3, 4\)"):
        io.array_to_blobproto(X, X.ravel())


@pytest.mark.parametrize(
    "array", [X, X.astype(np.float64), X.T, np.arange(5, dtype=np.uint8), np.array(7), [[1, 2.5]]]
)
def test_any_array_becomes_float32(array):
    message = io.array_to_blobproto(array)
    assert list(message.shape.dim) == list(np.shape(array))
    np.testing.assert_array_equal(message.data, np.float32(array).ravel())
    assert not message.double_data
    assert not message.diff


def test_a_list_of_arrays():
    arrays = [X, X[0], X[0, 0]]
    string = io.arraylist_to_blobprotovector_str(arrays)
    assert len(BlobProtoVector.FromString(string).blobs) == 3
    for found, array in zip(io.blobprotovector_str_to_arraylist(string), arrays, strict=True):
        np.testing.assert_array_equal(found, array)


def test_a_damaged_list_of_arrays():
    string = io.arraylist_to_blobprotovector_str([X])
    with pytest.raises(ValueError, match="10 bytes are no BlobProtoVector: damaged"):
        io.blobprotovector_str_to_arraylist(string[:10])


def test_bytes_in_a_datum():
    image = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    datum = io.array_to_datum(image, 7)
    assert (datum.channels, datum.height, datum.width, datum.label) == (3, 4, 5, 7)
    assert datum.data == image.tobytes()
    array = io.datum_to_array(Datum.FromString(datum.SerializeToString()))
    np.testing.assert_array_equal(array, image)
    assert array.dtype == np.uint8
    array += 1  # it is the caller's


def test_bytes_of_an_array_that_is_no_block():
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3).transpose(2, 0, 1)
    np.testing.assert_array_equal(io.datum_to_array(io.array_to_datum(image)), image)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_floats_in_a_datum(dtype):
    image = (X * 9).astype(dtype)
    datum = io.array_to_datum(image, label=0)
    assert not datum.data
    array = io.datum_to_array(datum)
    np.testing.assert_array_equal(array, np.float32(image))
    assert array.dtype == np.float64


def test_a_label_of_zero_is_not_none():
    assert io.array_to_datum(X, 0).HasField("label")
    assert not io.array_to_datum(X).HasField("label")
    with_label, without = (io.array_to_datum(X, label) for label in (1, None))
    assert len(with_label.SerializeToString()) > len(without.SerializeToString())


@pytest.mark.parametrize("label", [3, np.int64(3), np.array(3), True + 2])
def test_whole_labels(label):
    datum = io.array_to_datum(X, label)
    assert datum.label == 3
    assert not datum.float_label


@pytest.mark.parametrize(
    ("label", "numbers"), [(2.5, [2.5]), ([1, 0, 1], [1, 0, 1]), (np.array([0.5, 2]), [0.5, 2])]
)
def test_other_labels(label, numbers):
    assert list(io.array_to_datum(X, label).float_label) == numbers


@pytest.mark.parametrize("shape", [(), (4,), (3, 4), (1, 3, 4, 5)])
def test_a_datum_has_three_axes(shape):
    with pytest.raises(ValueError, match="Incorrect array shape") as caught:
        io.array_to_datum(np.zeros(shape))
    assert str(shape) in str(caught.value)


def test_a_datum_that_does_not_fit_its_size():
    datum = Datum(channels=3, height=4, width=5, data=bytes(59))
    with pytest.raises(ValueError, match=r"\(3, 4, 5\) holds 59 values"):
        io.datum_to_array(datum)


def test_an_empty_datum():
    assert io.datum_to_array(Datum()).shape == (0, 0, 0)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_encoded_datum(channels, rng):
    pixels = rng.integers(0, 256, (6, 5, channels), np.uint8)
    datum = Datum(data=cv2.imencode(".png", pixels)[1].tobytes(), encoded=True)
    array = io.datum_to_array(datum)
    np.testing.assert_array_equal(array, pixels.transpose(2, 0, 1))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8 no more"])
def test_a_damaged_encoded_datum(data):
    with pytest.raises(ValueError, match=f"holds {len(data)} bytes that are no image"):
        io.datum_to_array(Datum(data=data, encoded=True))


def test_messages_of_another_build_of_the_schema():
    file = descriptor_pb2.FileDescriptorProto(name="theirs.proto", package="theirs")
    kind = file.message_type.add(name="Datum")
    for number, name in enumerate(["channels", "height", "width"], 1):
        kind.field.add(name=name, number=number, type=5, label=1)
    kind.field.add(name="data", number=4, type=12, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(file.SerializeToString())
    theirs = message_factory.GetMessageClass(pool.FindMessageTypeByName("theirs.Datum"))
    array = io.datum_to_array(theirs(channels=1, height=2, width=3, data=bytes(range(6))))
    np.testing.assert_array_equal(array.ravel(), range(6))


def test_the_schema_is_at_hand():
    assert io.caffe_pb2.Datum is Datum
