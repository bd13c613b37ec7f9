"""Prototxt: definitions of nets and solvers as text.

Reading is google.protobuf's; on top of it come the line that each layer starts in, and errors
that say what was found where, what is allowed, and what was probably meant.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from minicaffe.errors import PrototxtError
from minicaffe.proto import files
from minicaffe.proto.diagnosis import bad_escape, diagnose, missing_field
from minicaffe.proto.files import StrPath
from minicaffe.proto.minicaffe_pb2 import NetParameter, SolverParameter
from minicaffe.proto.origin import layers_of, origins_hidden
from minicaffe.proto.scan import places, tokens
from minicaffe.proto.upgrade import upgrade_net, upgrade_solver

M = TypeVar("M", bound=Message)

_WHOLE = re.compile(r"(?<=\d)\.0$", re.MULTILINE)  # Python prints 1.0 where Caffe prints 1


def parse(text: str, message_type: type[M], path: str = "<string>") -> M:
    """The message that ``text`` defines; its layers remember ``path`` and their lines.

    Args:
        text: a definition, in protobuf's text format.
        message_type: ``NetParameter``, ``SolverParameter`` or another message of the schema.
        path: the file it comes from, for errors and for the layers' ``origin``.

    Raises:
        PrototxtError: the text is not such a message; says where, what is found and what is
            allowed.
    """
    message = message_type()
    if "\\" in text and (escape := bad_escape(text)):
        place, why = escape
        raise PrototxtError(why, path, *place)
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        place, why = diagnose(text, message.DESCRIPTOR, error)
        raise PrototxtError(why, path, *place) from None
    layers = dict(layers_of(message))
    missing = message.FindInitializationErrors()  # type: ignore[attr-defined]  # no stub
    if layers or missing:
        where = places(text, message.DESCRIPTOR)
        if missing:
            place, why = missing_field(missing[0], where)
            raise PrototxtError(why, path, *place)
        for name, layer in layers.items():
            if name:
                layer.origin = f"{path}:{where[name].line}"
    return message


def read(path: StrPath, message_type: type[M]) -> M:
    """The message that the prototxt file ``path`` defines, as ``parse`` reads it.

    The file is UTF-8, with or without a byte order mark; comments may hold other bytes, as old
    files' do. It may not be empty: a definition is expected.

    Raises:
        PrototxtError: there is no such file, it is not text, or not such a message.
    """
    text = _load(path)
    message = parse(text, message_type, os.fspath(path))
    if not message.ListFields():
        raise PrototxtError(f"holds no definition, expected a {message_type.__name__}", str(path))
    return message


def read_net(path: StrPath) -> NetParameter:
    """The net that ``path`` defines, in today's format (``upgrade.upgrade_net``).

    Raises:
        PrototxtError: there is no such file, it is not a net's definition, or its old format
            cannot be brought up to date.
    """
    return upgrade_net(read(path, NetParameter), os.fspath(path))


def read_solver(path: StrPath) -> SolverParameter:
    """The solver that ``path`` defines, in today's format (``upgrade.upgrade_solver``).

    Its ``snapshot_prefix`` is always set: to ``path`` without its extension, unless given.

    Raises:
        PrototxtError: there is no such file, it is not a solver's definition, or its old format
            cannot be brought up to date.
    """
    return upgrade_solver(read(path, SolverParameter), os.fspath(path))


def to_text(message: Message) -> str:
    """``message`` as Caffe prints it: one field a line, in the order of their numbers.

    The layers' ``origin`` is left out.
    """
    with origins_hidden(message):
        return _WHOLE.sub("", text_format.MessageToString(message, as_utf8=True))


def write(message: Message, path: StrPath) -> None:
    """Write ``to_text(message)`` to ``path``.

    Raises:
        PrototxtError: the file cannot be written.
    """
    try:
        Path(path).write_text(to_text(message), encoding="utf-8", newline="\n")
    except OSError as error:
        why = f"cannot be written: {error.strerror}"
        raise PrototxtError(why, str(path)) from None


def _load(path: StrPath) -> str:
    """The text of the file, with ``\\n`` at the ends of lines."""
    with files.open_file(path) as file:
        head = file.read(files.HEAD)
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise PrototxtError("is UTF-16 text, expected UTF-8: save it as UTF-8", str(path))
        if (kind := files.kind(head)) != "text":
            why = "weights belong to -weights, a solver's state to -snapshot"
            article = "an" if kind == "HDF5" else "a"
            raise PrototxtError(
                f"is {article} {kind} file, expected a definition as text: {why}", str(path)
            )
        data = head + file.read()
    data = data.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\x1a")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode(errors="surrogateescape")
        _refuse_other_bytes(text, str(path))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _refuse_other_bytes(text: str, path: str) -> None:
    """Refuse what is not UTF-8, but for comments: Caffe never looked at those."""
    for token, place in tokens(text):
        if match := re.search("[\udc80-\udcff]", token):
            found = f"byte 0x{ord(match[0]) - 0xDC00:02X} is found, which is not UTF-8"
            why = "save the file as UTF-8 (comments may hold any bytes)"
            raise PrototxtError(f"{found}: {why}", path, place.line, place.column + match.start())
