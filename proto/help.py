"""What the fields of the schema mean: the comments of ``minicaffe.proto``, for users to read.

Generated code carries no comments, so they are read from the .proto beside it, by lines: each
field is on one, with its comment behind it or in the lines before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_OPEN = re.compile(r"\s*(message|enum)\s+(\w+)\s*\{")
_FIELD = re.compile(
    r"\s*(optional|required|repeated)\s+([\w.]+)\s+(\w+)\s*=\s*\d+\s*"
    r"(?:\[(?P<options>[^\]]*)\])?;\s*(?://\s*(?P<comment>.*))?"
)
_VALUE = re.compile(r"\s*(\w+)\s*=\s*-?\d+;\s*(?://\s*(?P<comment>.*))?")
_COMMENT = re.compile(r"\s*//\s?(.*)")


@dataclass(frozen=True)
class FieldHelp:
    """A field of a message.

    Attributes:
        name: of the field.
        label: "optional", "required" or "repeated".
        type: "float", "string", or the name of a message or an enum.
        default: as it is written in a prototxt; "" where there is none.
        comment: what it means.
    """

    name: str
    label: str
    type: str
    default: str
    comment: str


@dataclass(frozen=True)
class MessageHelp:
    """A message, or an enum, whose fields are then its values.

    Attributes:
        comment: what it is.
        fields: in the order of the schema.
    """

    comment: str
    fields: list[FieldHelp]


def message_help(name: str) -> MessageHelp:
    """Help for a message or an enum: "PoolingParameter", "PoolingParameter.PoolMethod".

    Raises:
        KeyError: there is none of that name.
    """
    return _schema()[name]


@cache
def _schema() -> dict[str, MessageHelp]:
    text = files("minicaffe.proto").joinpath("minicaffe.proto").read_text(encoding="utf-8")
    result: dict[str, MessageHelp] = {}
    scope: list[str] = []
    before: list[str] = []
    for line in text.splitlines():
        if found := _COMMENT.fullmatch(line):
            before.append(found[1])
            continue
        if found := _OPEN.match(line):
            scope.append(found[2])
            result[".".join(scope)] = MessageHelp(" ".join(before), [])
        elif line.strip().startswith("}"):
            scope.pop()
        elif scope and (found := _FIELD.match(line) or _VALUE.match(line)):
            comment = " ".join(before) or found["comment"] or ""
            result[".".join(scope)].fields.append(_field(found, comment))
        before = []
    return result


def _field(found: re.Match[str], comment: str) -> FieldHelp:
    if found.re is _VALUE:
        return FieldHelp(found[1], "", "", "", comment)
    default = re.search(r"default\s*=\s*([^,]+)", found["options"] or "")
    return FieldHelp(found[3], found[1], found[2], default[1].strip() if default else "", comment)
