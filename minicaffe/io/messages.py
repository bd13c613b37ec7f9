"""Between arrays and the messages ``BlobProto``, ``BlobProtoVector`` and ``Datum``.

Messages of another build of caffe.proto, as other packages bring one, are read too.

After: python/caffe/io.py. Differences: ``double_data`` and the raw forms of NVIDIA's fork are
read; a diff has to have the shape of its data; encoded images are decoded, where the original
takes the bytes of the file for pixels; labels may be floats, and several.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, TypeVar

import numpy as np
from google.protobuf.message import DecodeError, Message

from minicaffe.blob_proto import HostArray, array_to_proto, proto_array, proto_shape
from minicaffe.errors import ArrayError, WeightsError
from minicaffe.proto.minicaffe_pb2 import BlobProto, BlobProtoVector, Datum

M = TypeVar("M", bound=Message)
Label = float | Sequence[float] | HostArray


def blobproto_to_array(blob: Message, return_diff: bool = False) -> HostArray:
    """The data, or the diff, of a ``BlobProto``: float64, of four axes where its shape is old.

    Raises:
        ArrayError: it has none, or not as many values as its shape says.
    """
    proto, kind = _own(blob, BlobProto), "diff" if return_diff else "data"
    try:
        array = proto_array(proto, kind)
    except WeightsError as error:
        raise ArrayError(f"{kind}: {error}") from error
    shape = proto_shape(proto)
    if array is None and 0 not in shape:
        raise ArrayError(f"the message has no {kind}, expected {prod(shape)} values: {shape}")
    return np.zeros(shape) if array is None else np.array(array, np.float64)


def array_to_blobproto(arr: Any, diff: Any = None) -> BlobProto:
    """``arr``, of any shape, and perhaps its ``diff``, as float32 in a message.

    Raises:
        ArrayError: ``diff`` has another shape.
    """
    data = np.asarray(arr, np.float32)
    if diff is None:
        return array_to_proto(data)
    diff = np.asarray(diff, np.float32)
    if diff.shape != data.shape:
        raise ArrayError(f"diff has shape {diff.shape}, expected that of the data, {data.shape}")
    return array_to_proto(data, diff)


def arraylist_to_blobprotovector_str(arraylist: Iterable[Any]) -> bytes:
    """The arrays as the bytes of a ``BlobProtoVector``."""
    return BlobProtoVector(blobs=map(array_to_blobproto, arraylist)).SerializeToString()


def blobprotovector_str_to_arraylist(string: bytes) -> list[HostArray]:
    """The arrays in the bytes of a ``BlobProtoVector``.

    Raises:
        ArrayError: they are no such message, or one of its blobs holds no array.
    """
    try:
        vector = BlobProtoVector.FromString(string)
    except DecodeError as error:
        raise ArrayError(f"{len(string)} bytes are no BlobProtoVector: damaged?") from error
    return [blobproto_to_array(blob) for blob in vector.blobs]


def array_to_datum(arr: HostArray, label: Label | None = None) -> Datum:
    """(C, H, W) as a ``Datum``: uint8 as bytes, all else as float32.

    Args:
        arr: an image.
        label: a class; or a float, or several numbers, which go to ``float_label``.

    Raises:
        ArrayError: ``arr`` has not three axes.
    """
    arr = np.asarray(arr)
    if arr.ndim != 3:
        raise ArrayError(
            f"Incorrect array shape. It is {arr.shape}, expected (channels, rows, columns)"
        )
    channels, height, width = arr.shape
    datum = Datum(channels=channels, height=height, width=width)
    if arr.dtype == np.uint8:
        datum.data = arr.tobytes()
    else:
        datum.float_data.extend(arr.astype(float).ravel().tolist())
    if label is not None:
        _put_label(datum, label)
    return datum


def datum_to_array(datum: Message) -> HostArray:
    """(C, H, W), the image of a ``Datum``: uint8 from bytes, float64 from ``float_data``.

    An encoded image has its channels in the order of the databases: blue, green, red.

    Raises:
        ArrayError: its size does not fit its values, or the encoded image cannot be decoded.
    """
    own = _own(datum, Datum)
    if own.encoded:
        return _decoded(own.data)
    values = np.frombuffer(own.data, np.uint8) if own.data else np.array(own.float_data, float)
    shape = own.channels, own.height, own.width
    if values.size != prod(shape):
        raise ArrayError(
            f"a Datum of channels, rows and columns {shape} holds {values.size} values"
        )
    return values.reshape(shape).copy()


def _own(message: Message, kind: type[M]) -> M:
    """``message`` as of our own schema, which knows of more fields than others."""
    if isinstance(message, kind):
        return message
    return kind.FromString(message.SerializeToString())


def _put_label(datum: Datum, label: Label) -> None:
    try:
        datum.label = operator.index(label)  # type: ignore[arg-type]  # that is what is tried
    except TypeError:
        datum.float_label.extend(np.asarray(label, float).ravel().tolist())


def _decoded(data: bytes) -> HostArray:
    import cv2  # takes 0.1 s to load: most databases are not encoded

    pixels: HostArray | None = None
    if data:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ArrayError(f"an encoded Datum holds {len(data)} bytes that are no image: damaged?")
    return np.ascontiguousarray(np.atleast_3d(pixels).transpose(2, 0, 1))
