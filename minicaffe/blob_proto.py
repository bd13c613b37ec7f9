"""Between ``BlobProto`` and arrays.

Protobuf's Python containers give out one float at a time. A packed field is its elements' bytes
in a row behind a short head, so whole arrays go through a message's serialized form instead.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minicaffe.blob import Blob
from minicaffe.device import Device
from minicaffe.errors import WeightsError
from minicaffe.proto.minicaffe_pb2 import BlobProto

HostArray = np.ndarray[Any, np.dtype[Any]]
_FIELDS = {"data": ("data", "double_data"), "diff": ("diff", "double_diff")}
_PACKED = 2  # wire type: a length, then that many bytes


def proto_shape(proto: BlobProto) -> tuple[int, ...]:
    """The shape that ``proto`` says it has; the old four fields make a shape of four axes."""
    if proto.HasField("shape"):
        return tuple(proto.shape.dim)
    old = ("num", "channels", "height", "width")
    if any(proto.HasField(name) for name in old):
        return tuple(getattr(proto, name) for name in old)
    return ()


def proto_array(proto: BlobProto, kind: str = "data") -> HostArray | None:
    """The array that ``proto`` holds as its ``kind``, in its shape; None where it has none.

    Raises:
        WeightsError: the shape and the number of values do not agree.
    """
    for name, dtype in zip(_FIELDS[kind], ("<f4", "<f8"), strict=True):
        values = getattr(proto, name)
        if len(values):
            alone = BlobProto()
            getattr(alone, name).MergeFrom(values)
            raw = alone.SerializeToString()
            size = len(values) * np.dtype(dtype).itemsize
            array = np.frombuffer(raw, dtype, offset=len(raw) - size)
            shape = proto_shape(proto)
            if min(shape, default=1) < 0 or array.size != np.prod(shape, dtype=object):
                raise WeightsError(
                    f"a blob of shape {shape} holds {array.size} values: the file is damaged"
                )
            return array.reshape(shape)
    return None


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
