"""Binary files of protobuf: ``.caffemodel``, ``.solverstate``, ``.binaryproto``."""

from __future__ import annotations

import os
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, EncodeError, Message

from minicaffe.errors import PrototxtError
from minicaffe.proto import files
from minicaffe.proto.files import StrPath
from minicaffe.proto.fork_wire import with_our_numbers
from minicaffe.proto.minicaffe_pb2 import (
    BlobProto,
    BlobProtoVector,
    Datum,
    NetParameter,
    SolverState,
    V1LayerParameter,
)
from minicaffe.proto.origin import layers_of, origins_hidden
from minicaffe.proto.wire import exceeds, survey

M = TypeVar("M", bound=Message)

MAX_BYTES = 2**31 - 1  # protobuf's own limit
MAX_FIELDS = 300_000  # outside of arrays; the deepest nets have some ten thousand

# The messages that have files of their own, most telling first, and what to call those files.
_NAMES: dict[type[Message], str] = {
    SolverState: "a solver's state (.solverstate)",
    NetParameter: "weights (.caffemodel)",
    BlobProtoVector: "a row of blobs (BlobProtoVector)",
    BlobProto: "a blob (.binaryproto)",
    Datum: "an image (Datum)",
}


def read(path: StrPath, message_type: type[M]) -> M:
    """The message that the binary file ``path`` holds; fields of Caffe's forks stay in it.

    In a net, those of layers that are here too are where our schema has them (``fork_wire``).

    Raises:
        PrototxtError: there is no such file, it is of 2 GB or more, cut short, damaged, made to
            fill the memory, or something else than a ``message_type``.
    """
    data = _load(path, message_type)
    if exceeds(data, message_type, MAX_FIELDS):
        raise PrototxtError(
            f"has over {MAX_FIELDS} layers, names and blobs, expected fewer: each would take some "
            "hundred bytes of memory",
            str(path),
        )
    if message_type is NetParameter:
        data = with_our_numbers(data)
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
    names = {where: _names(layer) for where, layer in layers_of(message)}
    names["the file"] = [getattr(message, "name", ""), *getattr(message, "input", ())]
    for where, found in names.items():
        if any(isinstance(name, bytes) for name in found):
            raise PrototxtError(f"a name in {where} is not UTF-8, expected UTF-8", path)


def _names(layer: Any) -> list[str]:
    """Of a layer, its blobs and what it shares."""
    names = [layer.name, *layer.bottom, *layer.top]
    if isinstance(layer, V1LayerParameter):
        return [*names, *layer.param, layer.layer.name, layer.layer.type]
    return [*names, *(spec.name for spec in layer.param)]


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
