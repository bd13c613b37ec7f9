"""Lenient: definitions of Caffe's forks, read without the fields that only the fork has.

A field that the schema lacks is taken out of the text, whatever its value is, as long as that is
text format. ``text_format`` can skip unknown fields as well, but does not say which, and a value
nested a thousand deep ends its recursion.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor

from minicaffe.proto.diagnosis import quoted
from minicaffe.proto.scan import OPENERS, Place, Walk

_MOST = 100_000  # fields that are taken out: a fork's definition has some hundred
_NUMBER = re.compile(
    r"[+-]?(0[xX][\da-fA-F]+|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[fF]?|inf(inity)?|nan)", re.IGNORECASE
)


class Unknown(NamedTuple):
    """A field that the schema lacks: the type of its message, its name and where that is."""

    owner: str
    name: str
    place: Place


class BadSyntaxError(Exception):
    """The field named at ``start`` is unknown, and what stands at ``place`` can be in no field."""

    start: Place

    def __init__(self, place: Place, why: str) -> None:
        super().__init__(why)
        self.place, self.why = place, why


class Rest(NamedTuple):
    """What is left of a text without its unknown fields.

    Attributes:
        text: with blanks in their place.
        unknown: the fields.
        bad: what the last of them is, which is still there, if it is none.
    """

    text: str
    unknown: list[Unknown]
    bad: BadSyntaxError | None


def without_unknown(text: str, descriptor: Any) -> Rest:
    """``text``, a message that ``descriptor`` describes, without the fields that it does not."""
    walk = Walk(text, descriptor)
    unknown: list[Unknown] = []
    pieces, end, bad = [], 0, None
    while walk.token:
        frame = walk.frames[-1]
        if _is_lost(walk):
            break
        known = frame.state != "name" or not _is_name(walk.token)
        if known or walk.token in frame.descriptor.fields_by_name:
            walk.step()
            continue
        start, place = walk.offset, walk.place
        try:
            unknown.append(Unknown(frame.descriptor.name, _skip_field(walk), place))
            if len(unknown) > _MOST:
                raise BadSyntaxError(place, f"over {_MOST} unknown fields, expected fewer")
        except BadSyntaxError as error:
            error.start, bad = place, error
            break
        lines = text[start : walk.offset].split("\n")
        pieces += [text[end:start], "\n".join(" " * len(line) for line in lines)]
        end = walk.offset
    return Rest("".join([*pieces, text[end:]]), unknown, bad)


def _is_lost(walk: Walk) -> bool:
    """The text cannot be read beyond this token, so that what follows is of no interest."""
    frame, token = walk.frames[-1], walk.token
    if frame.descriptor is None:  # a message where a number or a string is expected
        return True
    if frame.state == "colon":
        return token != ":" and token not in OPENERS
    goes_on = frame.known and frame.known.cpp_type == FieldDescriptor.CPPTYPE_STRING
    fits = token in (frame.closer, ",", ";") or _is_name(token) or (goes_on and _is_string(token))
    return frame.state == "name" and not fits


def _skip_field(walk: Walk) -> str:
    """Step over the field that ``walk`` is at, with all that is in it; returns its name."""
    name = _skip_name(walk)
    closers: list[str] = []
    _skip_to_value(walk, closers)
    while closers:
        if walk.token == closers[-1]:
            closers.pop()
            walk.skip()
            _after_value(walk, closers)
        elif closers[-1] == "]":
            _open_or_skip(walk, closers)
        elif _is_name(walk.token) or walk.token.isdecimal():
            _skip_name(walk)
            _skip_to_value(walk, closers)
        else:
            raise _bad(walk, f"a field or the {closers[-1]!r} inside the unknown field {name!r}")
    return name


def _skip_name(walk: Walk) -> str:
    name = walk.token
    walk.skip()
    if name == "[":  # of an extension: [package.name]
        while walk.token and (_is_name(walk.token) or walk.token in "./"):
            name += walk.token
            walk.skip()
        if walk.token != "]":
            raise _bad(walk, "']'")
        name += walk.token
        walk.skip()
    return name


def _skip_to_value(walk: Walk, closers: list[str]) -> None:
    """Step over what follows a field's name, into its value where that is a message or list."""
    if walk.token == ":":
        walk.skip()
        if walk.token == "[":
            closers.append("]")
            walk.skip()
            return
    elif walk.token not in OPENERS:
        raise _bad(walk, "':' or '{' after the name of a field")
    _open_or_skip(walk, closers)


def _open_or_skip(walk: Walk, closers: list[str]) -> None:
    token = walk.token
    if token in OPENERS:
        closers.append(OPENERS[token])
        walk.skip()
    elif _is_string(token):
        while _is_string(walk.token):  # literals one after the other are one string
            walk.skip()
        _after_value(walk, closers)
    elif (_is_name(token) and token != "[") or _NUMBER.fullmatch(token):
        walk.skip()
        _after_value(walk, closers)
    else:
        raise _bad(walk, "a value")


def _after_value(walk: Walk, closers: list[str]) -> None:
    """Step over what separates a value from the next."""
    if closers and closers[-1] == "]":
        if walk.token == ",":
            walk.skip()
            if walk.token == "]":
                raise _bad(walk, "a value")
        elif walk.token != "]":
            raise _bad(walk, "',' or ']'")
    elif walk.token in (",", ";"):
        walk.skip()


def _is_name(token: str) -> bool:
    return token[:1].isalpha() or token[:1] in ("_", "[")


def _is_string(token: str) -> bool:
    return len(token) > 1 and token[0] in "\"'" and token[-1] == token[0]


def _bad(walk: Walk, expected: str) -> BadSyntaxError:
    return BadSyntaxError(walk.place, f"{quoted(walk.token)} is found, expected {expected}")
