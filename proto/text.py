"""Definitions of nets and solvers as text: prototxts, YAML and JSON, by a file's extension.

Reading a prototxt is google.protobuf's; on top of it come the line that each layer starts in, and
errors that say what was found where, what is allowed, and what was probably meant.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Literal, TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from minicaffe import glog
from minicaffe.errors import PrototxtError
from minicaffe.proto import files, program
from minicaffe.proto.diagnosis import (
    bad_escape,
    diagnose,
    missing_field,
    too_long,
)
from minicaffe.proto.files import StrPath
from minicaffe.proto.from_nodes import fill
from minicaffe.proto.lenient import Unknown, without_unknown
from minicaffe.proto.minicaffe_pb2 import NetParameter, Phase, SolverParameter
from minicaffe.proto.nodes import json_nodes, yaml_nodes
from minicaffe.proto.origin import layers_of, origins_hidden
from minicaffe.proto.printer import printed
from minicaffe.proto.scan import Place, Walk, place_of, places
from minicaffe.proto.to_mapping import to_json, to_yaml
from minicaffe.proto.upgrade import upgrade_net, upgrade_solver

M = TypeVar("M", bound=Message)
Syntax = Literal["prototxt", "yaml", "json"]

_SYNTAXES: dict[str, Syntax] = {".yaml": "yaml", ".yml": "yaml", ".json": "json"}
_PRINTERS = {"prototxt": printed, "yaml": to_yaml, "json": to_json}

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
    text: str,
    message_type: type[M],
    path: str = "<string>",
    *,
    lenient: bool | None = None,
    syntax: Syntax = "prototxt",
) -> M:
    """The message that ``text`` defines; its layers remember ``path`` and their lines.

    Args:
        text: a definition.
        message_type: ``NetParameter``, ``SolverParameter`` or another message of the schema.
        path: the file it comes from, for errors and for the layers' ``origin``.
        lenient: skip fields that the schema lacks, with a warning; None: as the context
            ``lenient`` says.
        syntax: of ``text``: protobuf's text format, or its JSON mapping as YAML or JSON.

    Raises:
        PrototxtError: the text is not such a message; says where, what is found and what is
            allowed.
    """
    skips = _LENIENT.get() if lenient is None else lenient
    where: dict[str, Place] | None = None
    if syntax == "prototxt":
        try:
            message = _message(text, message_type, path)
        except PrototxtError:
            if not skips:
                raise
            text, message = _known_fields(text, message_type, path)
    else:
        message = message_type()
        root = (yaml_nodes if syntax == "yaml" else json_nodes)(text, path)
        found = fill(message, root, path, most=len(text), lenient=skips)
        where = found.places
        _warn_of(found.unknown, path)
    layers = dict(layers_of(message))
    missing = message.FindInitializationErrors()  # type: ignore[attr-defined]  # no stub
    if layers or missing:
        where = places(text, message.DESCRIPTOR) if where is None else where
        if missing:
            place, why = missing_field(missing[0], where)
            raise PrototxtError(why, path, *place)
        for name, layer in layers.items():
            if name:
                layer.origin = f"{path}:{where[name].line}"
    return message


def read(path: StrPath, message_type: type[M], *, lenient: bool | None = None) -> M:
    """The message that the file ``path`` defines, as ``parse`` reads it, by its extension.

    ``.yaml``, ``.yml`` and ``.json`` are what they say; a ``.py`` is run and asked for its net in
    both phases (``program.run_net``); all others are prototxts. The file is UTF-8, with or without
    a byte order mark; comments may hold other bytes, as old files' do. It may not be empty: a
    definition is expected.

    Raises:
        PrototxtError: there is no such file, it is not text, over 32 MB, or not such a message.
    """
    if program.is_program(path):
        return program.run(path, message_type)
    text = files.load_text(path, MAX_BYTES)
    syntax = syntax_of(path)
    message = parse(text, message_type, os.fspath(path), lenient=lenient, syntax=syntax)
    if not message.ListFields() and (syntax != "prototxt" or not Walk(text, None).token):
        raise PrototxtError(f"holds no definition, expected a {message_type.__name__}", str(path))
    return message


def read_net(
    path: StrPath, *, phase: int | str | None = None, lenient: bool | None = None
) -> NetParameter:
    """The net that ``path`` defines, in today's format (``upgrade.upgrade_net``).

    Args:
        path: a file as for ``read``.
        phase: TRAIN or TEST, or its name: all that a ``net.py`` is asked for. None: it is asked
            for both, and layers that are not in both say in which they are. Other files hold
            both anyway.
        lenient: as in ``parse``.

    Raises:
        PrototxtError: there is no such file, it is not a net's definition, or its old format
            cannot be brought up to date.
    """
    if phase is not None and program.is_program(path):
        number = Phase.Value(phase) if isinstance(phase, str) else phase
        net = program.run_net(path, number)
    else:
        net = read(path, NetParameter, lenient=lenient)
    return upgrade_net(net, os.fspath(path))


def read_solver(path: StrPath, *, lenient: bool | None = None) -> SolverParameter:
    """The solver that ``path`` defines, in today's format (``upgrade.upgrade_solver``).

    Its ``snapshot_prefix`` is always set: to ``path`` without its extension, unless given.

    Args:
        path: a file as for ``read``, other than a ``.py``.
        lenient: as in ``parse``.

    Raises:
        PrototxtError: there is no such file, it is not a solver's definition, or its old format
            cannot be brought up to date.
    """
    return upgrade_solver(read(path, SolverParameter, lenient=lenient), os.fspath(path))


def syntax_of(path: StrPath) -> Syntax:
    """What the file ``path`` is written in, by its extension."""
    return _SYNTAXES.get(os.path.splitext(os.fspath(path))[1].lower(), "prototxt")


def to_text(message: Message) -> str:
    """``message`` as Caffe prints it: one field a line, in the order of their numbers.

    The layers' ``origin`` is left out.
    """
    with origins_hidden(message):
        return printed(message)


def to_syntax_of(path: StrPath, message: Message) -> str:
    """``message`` as the file ``path`` has to hold it, by its extension: YAML, JSON, prototxt.

    Raises:
        PrototxtError: the file is a program.
    """
    if program.is_program(path):
        why = "is a program, which cannot be written: expected a .prototxt, .yaml or .json"
        raise PrototxtError(why, str(path))
    with origins_hidden(message):
        return _PRINTERS[syntax_of(path)](message)


def write(message: Message, path: StrPath) -> None:
    """Write ``message`` to ``path``, as YAML or JSON where it is called so (``to_syntax_of``).

    Raises:
        PrototxtError: the file cannot be written.
    """
    text = to_syntax_of(path, message)
    try:
        Path(path).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        why = f"cannot be written: {error.strerror}"
        raise PrototxtError(why, str(path)) from None


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
    _warn_of(rest.unknown, path)
    return rest.text, message


def _warn_of(unknown: Iterable[Unknown], path: str) -> None:
    found: dict[tuple[str, str], list[Unknown]] = {}
    for each in unknown:
        found.setdefault((each.owner, each.name), []).append(each)
    for (owner, name), (first, *others) in found.items():
        also = f", and in line {', '.join(str(o.place.line) for o in others)}" if others else ""
        glog.warning(
            "upgrade_proto.cpp:88",
            f"{path}:{first.place.line}: skipped {name!r}, an unknown field of {owner}{also}",
        )
