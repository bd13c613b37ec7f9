"""Binary files of protobuf: ``.caffemodel``, ``.solverstate``, ``.binaryproto``."""

from __future__ import annotations

import os
from typing import NamedTuple, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, EncodeError, Message

from minicaffe.errors import PrototxtError
from minicaffe.proto import files
from minicaffe.proto.files import StrPath
from minicaffe.proto.minicaffe_pb2 import (
    BlobProto,
    BlobProtoVector,
    Datum,
    NetParameter,
    SolverState,
)
from minicaffe.proto.origin import layers_of, origins_hidden

M = TypeVar("M", bound=Message)

MAX_BYTES = 2**31 - 1  # protobuf's own limit

# The messages that have files of their own, most telling first, and what to call those files.
_NAMES: dict[type[Message], str] = {
    SolverState: "a solver's state (.solverstate)",
    NetParameter: "weights (.caffemodel)",
    BlobProtoVector: "a row of blobs (BlobProtoVector)",
    BlobProto: "a blob (.binaryproto)",
    Datum: "an image (Datum)",
}

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_WIRE_TYPES = {
    FieldDescriptor.TYPE_DOUBLE: _EIGHT_BYTES,
    FieldDescriptor.TYPE_FLOAT: _FOUR_BYTES,
    FieldDescriptor.TYPE_STRING: _LENGTH,
    FieldDescriptor.TYPE_BYTES: _LENGTH,
    FieldDescriptor.TYPE_MESSAGE: _LENGTH,
}  # and _VARINT for all others
_MOST_FIELDS = 10_000  # of the outermost message that are looked at: some milliseconds


class Survey(NamedTuple):
    """The fields of an outermost message, as far as it goes.

    Attributes:
        known: fields that the message has.
        foreign: fields that have a number of the message but not its wire type.
        last: where the last field starts.
        end: where it ends; beyond the data where they are cut short.
    """

    known: int
    foreign: int
    last: int
    end: int


def read(path: StrPath, message_type: type[M]) -> M:
    """The message that the binary file ``path`` holds; fields of Caffe's forks stay in it.

    Raises:
        PrototxtError: there is no such file, it is of 2 GB or more, cut short, damaged, or
            something else than a ``message_type``.
    """
    data = _load(path, message_type)
    message = _decode(data, message_type)
    if message is None:
        raise PrototxtError(_why_not(data, message_type), str(path))
    missing = message.FindInitializationErrors()  # type: ignore[attr-defined]  # no stub
    if missing:
        raise PrototxtError(f"{missing[0]} is not found, expected it: no default", str(path))
    _refuse_other_bytes(message, str(path))
    for _, layer in layers_of(message):
        layer.ClearField("origin")  # ours are never written
    return message


def to_bytes(message: Message) -> bytes:
    """``message`` in protobuf's binary format, without the layers' ``origin``.

    Raises:
        PrototxtError: it takes 2 GB or more, or lacks a required field.
    """
    what = _name(type(message))
    try:
        with origins_hidden(message):
            data = message.SerializeToString()
    except (EncodeError, ValueError) as error:
        raise PrototxtError(f"{what} cannot be written: {error}") from None
    if len(data) > MAX_BYTES:
        raise PrototxtError(
            f"{what} would take {len(data)} bytes, expected at most {MAX_BYTES}: protobuf holds "
            "no more (snapshot_format: HDF5 does)"
        )
    return data


def survey(data: bytes, message_type: type[Message]) -> Survey:
    """Look at the outermost fields of ``data``, as a ``message_type``, until one makes no sense."""
    fields = message_type.DESCRIPTOR.fields_by_number
    known = foreign = last = end = 0
    for _ in range(_MOST_FIELDS):
        if end >= len(data):
            break
        tag, at = _varint(data, end)
        number, wire_type = tag >> 3, tag & 7
        if not number:
            break
        if wire_type == _VARINT:
            _, at = _varint(data, at)
        elif wire_type == _LENGTH:
            length, at = _varint(data, at)
            at += length
        elif wire_type in _FIXED:
            at += _FIXED[wire_type]
        else:
            break
        if field := fields.get(number):
            allowed = {_WIRE_TYPES.get(field.type, _VARINT)}
            allowed |= {_LENGTH} if field.is_repeated else set()
            known += wire_type in allowed
            foreign += wire_type not in allowed
        last, end = end, at
    return Survey(known, foreign, last, end)


def _load(path: StrPath, message_type: type[Message]) -> bytes:
    with files.open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(files.HEAD)
        if not head:
            raise PrototxtError(f"is empty, expected {_name(message_type)}", str(path))
        if files.kind(head) == "HDF5" or not survey(head, message_type).end:
            raise PrototxtError(_why_not(head, message_type), str(path))
        data = head + file.read(MAX_BYTES + 1 - len(head)) if size <= MAX_BYTES else b""
    if max(size, len(data)) > MAX_BYTES:
        raise PrototxtError(
            f"has {max(size, len(data))} bytes, expected at most {MAX_BYTES}: protobuf reads no "
            "more (store it in HDF5)",
            str(path),
        )
    return data


def _refuse_other_bytes(message: Message, path: str) -> None:
    """Refuse names that are not UTF-8: protobuf hands them out as bytes, which nobody expects."""
    names = {where: (layer.name, *layer.bottom, *layer.top) for where, layer in layers_of(message)}
    names["the file"] = (getattr(message, "name", ""),)
    for where, found in names.items():
        if any(isinstance(name, bytes) for name in found):
            raise PrototxtError(f"a name in {where} is not UTF-8, expected UTF-8", path)


def _decode(data: bytes, message_type: type[M]) -> M | None:
    """The message in ``data``; None where it is not one.

    Bytes of one message often decode as another, since what does not fit counts as unknown: the
    message with the most fields that fit has it.
    """
    fit = _fit(data, message_type)
    if not fit or any(_fit(data, other) > fit for other in _NAMES):
        return None
    message = message_type()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return None
    return message


def _fit(data: bytes, message_type: type[Message]) -> int:
    """How many of the outermost fields fit; 0 if one contradicts."""
    found = survey(data, message_type)
    return 0 if found.foreign else found.known


def _why_not(data: bytes, message_type: type[Message]) -> str:
    """What ``data`` are, if not a ``message_type``."""
    expected = f"expected {_name(message_type)}"
    kind = files.kind(data[: files.HEAD])
    if kind == "HDF5":
        return f"is an HDF5 file, {expected} in protobuf's binary format"
    if data.startswith(b"version https://git-lfs"):
        return f"is a pointer of Git LFS, {expected}: fetch the file itself with git lfs pull"
    if kind == "text":
        return f"is text, {expected}: a definition belongs to -solver or -model"
    for other, name in _NAMES.items():
        if other is not message_type and _decode(data, other) is not None:
            return f"is {name}, {expected}"
    found = survey(data, message_type)
    if found.foreign or not found.known:
        return f"is something else, {expected}"
    if found.end > len(data):
        missing = found.end - len(data)
        return f"is cut short: of the field at byte {found.last}, {missing} bytes are missing"
    return f"is damaged after byte {found.last}"


def _name(message_type: type[Message]) -> str:
    return _NAMES.get(message_type, f"a {message_type.__name__}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at ``at`` and where it ends: past the end of ``data`` if it is cut short."""
    value = 0
    for i, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value, at + i + 1
    return value, len(data) + 1
