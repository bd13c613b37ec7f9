"""Prototxt: definitions of nets and solvers as text.

Reading is google.protobuf's; on top of it come the line that each layer starts in, and errors
that say what was found where, what is allowed, and what was probably meant.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from minicaffe import glog
from minicaffe.errors import PrototxtError
from minicaffe.proto import files
from minicaffe.proto.diagnosis import (
    bad_escape,
    diagnose,
    missing_field,
    other_byte,
    too_long,
)
from minicaffe.proto.files import StrPath
from minicaffe.proto.lenient import Unknown, without_unknown
from minicaffe.proto.minicaffe_pb2 import NetParameter, SolverParameter
from minicaffe.proto.origin import layers_of, origins_hidden
from minicaffe.proto.printer import printed
from minicaffe.proto.scan import Walk, place_of, places
from minicaffe.proto.upgrade import upgrade_net, upgrade_solver

M = TypeVar("M", bound=Message)

MAX_BYTES = 32 << 20  # of a definition: what is larger is none, and would take minutes to refuse
_LENIENT = ContextVar("lenient", default=False)


@contextmanager
def lenient(on: bool = True) -> Iterator[None]:
    """Skip fields that the schema lacks, with a warning, in all that is read inside.

    For definitions that a fork of Caffe wrote. Unknown values of known fields, and unknown types
    of layers, are errors all the same.
    """
    token = _LENIENT.set(on)
    try:
        yield
    finally:
        _LENIENT.reset(token)


def set_lenient(on: bool) -> None:
    """As ``lenient``, until the context (``contextvars``) ends: for a program of its own."""
    _LENIENT.set(on)


def parse(
    text: str, message_type: type[M], path: str = "<string>", *, lenient: bool | None = None
) -> M:
    """The message that ``text`` defines; its layers remember ``path`` and their lines.

    Args:
        text: a definition, in protobuf's text format.
        message_type: ``NetParameter``, ``SolverParameter`` or another message of the schema.
        path: the file it comes from, for errors and for the layers' ``origin``.
        lenient: skip fields that the schema lacks, with a warning; None: as the context
            ``lenient`` says.

    Raises:
        PrototxtError: the text is not such a message; says where, what is found and what is
            allowed.
    """
    try:
        message = _message(text, message_type, path)
    except PrototxtError:
        if not (_LENIENT.get() if lenient is None else lenient):
            raise
        text, message = _known_fields(text, message_type, path)
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


def read(path: StrPath, message_type: type[M], *, lenient: bool | None = None) -> M:
    """The message that the prototxt file ``path`` defines, as ``parse`` reads it.

    The file is UTF-8, with or without a byte order mark; comments may hold other bytes, as old
    files' do. It may not be empty: a definition is expected.

    Raises:
        PrototxtError: there is no such file, it is not text, over 32 MB, or not such a message.
    """
    text = _load(path)
    message = parse(text, message_type, os.fspath(path), lenient=lenient)
    if not message.ListFields() and not Walk(text, None).token:
        raise PrototxtError(f"holds no definition, expected a {message_type.__name__}", str(path))
    return message


def read_net(path: StrPath, *, lenient: bool | None = None) -> NetParameter:
    """The net that ``path`` defines, in today's format (``upgrade.upgrade_net``).

    Args:
        path: a prototxt.
        lenient: as in ``parse``.

    Raises:
        PrototxtError: there is no such file, it is not a net's definition, or its old format
            cannot be brought up to date.
    """
    return upgrade_net(read(path, NetParameter, lenient=lenient), os.fspath(path))


def read_solver(path: StrPath, *, lenient: bool | None = None) -> SolverParameter:
    """The solver that ``path`` defines, in today's format (``upgrade.upgrade_solver``).

    Its ``snapshot_prefix`` is always set: to ``path`` without its extension, unless given.

    Args:
        path: a prototxt.
        lenient: as in ``parse``.

    Raises:
        PrototxtError: there is no such file, it is not a solver's definition, or its old format
            cannot be brought up to date.
    """
    return upgrade_solver(read(path, SolverParameter, lenient=lenient), os.fspath(path))


def to_text(message: Message) -> str:
    """``message`` as Caffe prints it: one field a line, in the order of their numbers.

    The layers' ``origin`` is left out.
    """
    with origins_hidden(message):
        return printed(message)


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
        data = head + file.read(MAX_BYTES + 1 - len(head))
    if len(data) > MAX_BYTES:
        raise PrototxtError(
            f"is of over {MAX_BYTES >> 20} MB, expected less: a definition is some kilobytes, and "
            "weights belong into a .caffemodel",
            str(path),
        )
    data = data.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\x1a")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode(errors="surrogateescape")
        if other := other_byte(text):
            place, why = other
            raise PrototxtError(why, str(path), *place) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _message(text: str, message_type: type[M], path: str) -> M:
    if long := too_long(text):
        offset, why = long
        raise PrototxtError(why, path, *place_of(text, offset))
    message = message_type()
    wrong = []
    readable = text
    if "\0" in text:
        place = place_of(text, text.index("\0"))
        wrong.append((place, "a NUL character is found, expected text"))
    if escape := bad_escape(text):
        offset, why = escape
        wrong.append((place_of(text, offset), why))
        readable = text[:offset] + text[offset:].replace("\\", "/")  # to find what is before it
    try:
        text_format.Parse(readable, message)
    except text_format.ParseError as error:
        wrong.append(diagnose(text, message.DESCRIPTOR, error))
    if wrong:
        place, why = min(wrong)
        raise PrototxtError(why, path, *place)
    return message


def _known_fields(text: str, message_type: type[M], path: str) -> tuple[str, M]:
    """``text`` without the fields that ``message_type`` lacks, and what it then is.

    Warns once for each name.
    """
    rest = without_unknown(text, message_type.DESCRIPTOR)
    try:
        message = _message(rest.text, message_type, path)
    except PrototxtError as error:
        if rest.bad and (error.line or 1, error.column or 1) >= rest.bad.start:
            raise PrototxtError(rest.bad.why, path, *rest.bad.place) from None
        raise
    found: dict[tuple[str, str], list[Unknown]] = {}
    for each in rest.unknown:
        found.setdefault((each.owner, each.name), []).append(each)
    for (owner, name), (first, *others) in found.items():
        also = f", and in line {', '.join(str(o.place.line) for o in others)}" if others else ""
        glog.warning(
            "upgrade_proto.cpp:88",
            f"{path}:{first.place.line}: skipped {name!r}, an unknown field of {owner}{also}",
        )
    return rest.text, message
