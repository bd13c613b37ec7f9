"""A message from the nodes of YAML or JSON: protobuf's JSON mapping, as people write it by hand.

Fields have the names they have in a prototxt (those of the mapping, ``numOutput``, are read too).
An enum is a name or a number, bytes are base64, null leaves a field unset. One value may stand
for a list of one; a plain scalar is read as what its field holds, so that ``name: no`` is a name;
in YAML, ``<<`` merges other mappings.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from minicaffe.errors import PrototxtError
from minicaffe.proto.assign import FieldValueError, scalar
from minicaffe.proto.diagnosis import unknown_field
from minicaffe.proto.lenient import Unknown
from minicaffe.proto.nodes import Node
from minicaffe.proto.scan import Frame, Place

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_INTEGER = re.compile(r"[+-]?(0|[1-9]\d*)")
_HEX = re.compile(r"[+-]?0[xX][\da-fA-F]+")
_FLOAT = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_SPECIAL = re.compile(r"(?P<sign>[+-]?)\.?(?P<word>inf|infinity|nan)", re.IGNORECASE)
_MANY = 100_000  # values that a text may have beyond its characters: aliases make more of them


class Found(NamedTuple):
    """What was found beside the message.

    Attributes:
        places: where each message starts, by its path, as ``scan.places`` has it.
        unknown: fields that the schema lacks.
    """

    places: dict[str, Place]
    unknown: list[Unknown]


def fill(message: Message, root: Node, path: str, *, most: int, lenient: bool) -> Found:
    """Set the fields of ``message``, which has none, as ``root`` says.

    Args:
        message: what is filled.
        root: a mapping, or a null.
        path: the file, for errors.
        most: characters of the text.
        lenient: skip fields that the schema lacks.

    Raises:
        PrototxtError: a field does not exist, is given twice, or holds something else.
    """
    reader = _Reader(most + _MANY, lenient)
    try:
        if not root.is_null:
            reader.message(message, root, [Frame("", message.DESCRIPTOR, root.place)])
    except PrototxtError as error:
        error.path = path
        raise
    return Found(reader.places, reader.unknown)


class _Reader:
    def __init__(self, most: int, lenient: bool) -> None:
        self.places: dict[str, Place] = {}
        self.unknown: list[Unknown] = []
        self._most, self._lenient = most, lenient

    def message(self, message: Any, node: Node, frames: list[Frame]) -> None:
        frame = frames[-1]
        self._count(node)
        if frame.path:
            self.places[frame.path] = node.place
        if node.kind != "mapping":
            raise _error(node, f"{frame.path or 'the file'} is {_what(node)}, expected fields")
        message.SetInParent()
        by_camel = frame.descriptor.fields_by_camelcase_name
        for key, value in self._pairs(node):
            name = key.value
            by_name = frame.descriptor.fields_by_name
            known = name.isascii()  # protobuf cannot look up half a surrogate pair
            field = (by_name.get(name) or by_camel.get(name)) if known else None
            if field is not None:
                if field.name in frame.seen:
                    line = frame.seen[field.name][1].line
                    why = f"{name} is found a second time, expected once: it is in line {line}"
                    raise _error(key, why)
                frame.seen[field.name] = 1, key.place
                if not value.is_null:
                    self._field(message, field, value, frames)
            elif self._lenient:
                self.unknown.append(Unknown(frame.descriptor.name, name, key.place))
            else:
                raise _error(key, unknown_field(frames, name))

    def _field(self, message: Any, field: Any, node: Node, frames: list[Frame]) -> None:
        above = ".".join(filter(None, (frames[-1].path, field.name)))
        if not field.is_repeated:
            if field.message_type:
                frame = Frame(above, field.message_type, node.place)
                self.message(getattr(message, field.name), node, [*frames, frame])
            else:
                setattr(message, field.name, self._scalar(field, node))
            return
        values = getattr(message, field.name)
        for index, each in enumerate(node.value if node.kind == "list" else [node]):
            if field.message_type:
                frame = Frame(f"{above}[{index}]", field.message_type, each.place)
                self.message(values.add(), each, [*frames, frame])
            else:
                values.append(self._scalar(field, each))

    def _scalar(self, field: Any, node: Node) -> Any:
        self._count(node)
        if node.kind != "scalar":
            raise _error(node, f"{_what(node)} is found for {field.name}, expected one value")
        if node.is_null:
            raise _error(node, f"nothing is found in {field.name}, expected a value")
        if field.type == FieldDescriptor.TYPE_BYTES:
            try:
                return base64.b64decode(node.value, validate=True)
            except ValueError:
                why = f"{field.name} is {_what(node)}, expected bytes in base64"
                raise _error(node, why) from None
        try:
            return scalar(field, _value(field, node), field.name)
        except FieldValueError as error:
            raise _error(node, error.args[0]) from None

    def _pairs(self, node: Node) -> Iterator[tuple[Node, Node]]:
        """The fields of a mapping, its own first, then those merged into it that it has not."""
        merged: list[Node] = []
        own = set()
        for key, value in node.value:
            if key.kind != "scalar":
                raise _error(key, f"{_what(key)} is found, expected the name of a field")
            if key.plain and key.value == "<<":
                merged += value.value if value.kind == "list" else [value]
            else:
                own.add(key.value)
                yield key, value
        for each in merged:
            self._count(each)
            if each.kind != "mapping":
                raise _error(each, f"{_what(each)} is found after <<, expected fields to merge")
            for key, value in self._pairs(each):
                if key.value not in own:
                    own.add(key.value)
                    yield key, value

    def _count(self, node: Node) -> None:
        self._most -= 1
        if self._most < 0:
            raise _error(node, "aliases make too many values of this text, expected fewer")


def _value(field: Any, node: Node) -> Any:
    """What the text of a scalar says, as far as ``field`` can hold it, else the text itself."""
    text, kind = node.value, field.cpp_type
    try:
        if kind == FieldDescriptor.CPPTYPE_STRING:
            return text
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return {"0": False, "1": True, **_WORDS}.get(text.lower(), text) if node.plain else text
        if _INTEGER.fullmatch(text):
            return int(text)
        if _HEX.fullmatch(text):
            return int(text, 16)
        if _FLOAT.fullmatch(text):
            return float(text)
        if special := _SPECIAL.fullmatch(text):
            return float(special["sign"] + special["word"])
    except ValueError:  # over 4300 digits
        pass
    return text


def _what(node: Node) -> str:
    if node.kind == "scalar":
        return repr(node.value[:40])
    return "a list" if node.kind == "list" else "a mapping"


def _error(node: Node, why: str) -> PrototxtError:
    return PrototxtError(why, "", *node.place)
