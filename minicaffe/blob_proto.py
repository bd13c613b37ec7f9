"""Between ``BlobProto`` and arrays.

Protobuf's Python containers give out one float at a time. A packed field is its elements' bytes
in a row behind a short head, so whole arrays go through a message's serialized form instead.

After: src/caffe/blob.cpp (ShapeEquals, FromProto, ToProto). Where a message has both, the four
old fields come before ``shape`` and ``double_data`` before ``data``, as there. Difference: the
``raw_data`` of NVIDIA's fork is read too, and comes first, as it does in that fork.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minicaffe.blob import Blob
from minicaffe.device import Device
from minicaffe.errors import WeightsError
from minicaffe.proto.minicaffe_pb2 import BlobProto

HostArray = np.ndarray[Any, np.dtype[Any]]

_FIELDS = {"data": ("data", "double_data"), "diff": ("diff", "double_diff")}
_DTYPES = {"data": "<f4", "double_data": "<f8", "diff": "<f4", "double_diff": "<f8"}
_RAW_DTYPES = {
    BlobProto.DOUBLE: "<f8",
    BlobProto.FLOAT: "<f4",
    BlobProto.FLOAT16: "<f2",
    BlobProto.INT: "<i4",
    BlobProto.UINT: "<u4",
}
_OLD_SHAPE = ("num", "channels", "height", "width")
_PACKED = 2  # wire type: a length, then that many bytes


def has_old_shape(proto: BlobProto) -> bool:
    """The shape is in the four fields of before 2015."""
    return any(proto.HasField(name) for name in _OLD_SHAPE)


def proto_shape(proto: BlobProto) -> tuple[int, ...]:
    """The shape that ``proto`` says it has; the old four fields make a shape of four axes."""
    if has_old_shape(proto):
        return tuple(getattr(proto, name) for name in _OLD_SHAPE)
    return tuple(proto.shape.dim)


def fits(proto: BlobProto, shape: Sequence[int]) -> bool:
    """``proto`` has ``shape``; the old form pads each shape with ones in front, to four axes."""
    shape = tuple(shape)
    if has_old_shape(proto):
        return proto_shape(proto) == (1,) * (4 - len(shape)) + shape
    return proto_shape(proto) == shape


def check_values(proto: BlobProto, kind: str = "data") -> bool:
    """Whether ``proto`` holds values as its ``kind``.

    Raises:
        WeightsError: they are not as many as its shape says, or of a type that is not known.
    """
    return _checked(proto, kind) is not None


def proto_array(proto: BlobProto, kind: str = "data") -> HostArray | None:
    """The array that ``proto`` holds as its ``kind``, in its shape; None where it has none.

    Its numbers are of the type that they are stored in.

    Raises:
        WeightsError: as ``check_values``.
    """
    found = _checked(proto, kind)
    if found is None:
        return None
    name, dtype = found
    values = getattr(proto, name)
    if isinstance(values, bytes):
        return np.frombuffer(values, dtype).reshape(proto_shape(proto))
    alone = BlobProto()
    getattr(alone, name).MergeFrom(values)
    raw = alone.SerializeToString()
    array = np.frombuffer(raw, dtype, offset=len(raw) - len(values) * dtype.itemsize)
    return array.reshape(proto_shape(proto))


def blob_from_proto(proto: BlobProto, device: Device, dtype: DTypeLike) -> Blob:
    """A blob of the shape and with the data that ``proto`` holds; zeros where it holds none."""
    blob = Blob(device, proto_shape(proto), dtype)
    array = proto_array(proto)
    if array is not None:
        blob.data[...] = device.xp.asarray(array.astype(blob.dtype))
    return blob


def array_to_proto(
    array: HostArray, diff: HostArray | None = None, proto: BlobProto | None = None
) -> BlobProto:
    """``array`` (and ``diff``) as a message: float32 in ``data``, float64 in ``double_data``."""
    result = BlobProto() if proto is None else proto
    result.shape.dim.extend(array.shape)
    _put(result, "data", array)
    if diff is not None:
        _put(result, "diff", diff)
    return result


def blob_to_proto(blob: Blob, *, diff: bool = False) -> BlobProto:
    """``blob`` as a message, its ``diff`` too where asked."""
    to_numpy = blob.device.to_numpy
    return array_to_proto(to_numpy(blob.data), to_numpy(blob.diff) if diff else None)


def _checked(proto: BlobProto, kind: str) -> tuple[str, np.dtype[Any]] | None:
    """The field that holds the values and their type, once they are known to fill the shape."""
    found = _raw(proto, kind) or _packed(proto, kind)
    if found is None:
        return None
    name, dtype, size = found
    shape = proto_shape(proto)
    if min(shape, default=1) < 0 or size != prod(shape) * dtype.itemsize:
        held = size // dtype.itemsize if size % dtype.itemsize == 0 else f"{size} bytes, not whole"
        raise WeightsError(f"a blob of shape {shape} holds {held} values: the file is damaged")
    return name, dtype


def _raw(proto: BlobProto, kind: str) -> tuple[str, np.dtype[Any], int] | None:
    name = f"raw_{kind}"
    if not proto.HasField(name):
        return None
    if not proto.HasField(f"{name}_type"):
        raise WeightsError(
            f"a blob has {name}, expected {name}_type beside it, one of "
            f"{', '.join(BlobProto.RawType.keys())}: its bytes may mean anything"
        )
    dtype = np.dtype(_RAW_DTYPES[getattr(proto, f"{name}_type")])
    return name, dtype, len(getattr(proto, name))


def _packed(proto: BlobProto, kind: str) -> tuple[str, np.dtype[Any], int] | None:
    for name in reversed(_FIELDS[kind]):
        if count := len(getattr(proto, name)):
            dtype = np.dtype(_DTYPES[name])
            return name, dtype, count * dtype.itemsize
    return None


def _put(proto: BlobProto, kind: str, array: HostArray) -> None:
    if not array.size:
        return
    name = _FIELDS[kind][array.dtype == np.float64]
    number = BlobProto.DESCRIPTOR.fields_by_name[name].number
    raw = array.tobytes() if sys.byteorder == "little" else array.byteswap().tobytes()
    proto.MergeFromString(_varint(number << 3 | _PACKED) + _varint(len(raw)) + raw)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
