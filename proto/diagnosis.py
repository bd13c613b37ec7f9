"""Diagnosis: what is wrong in a prototxt that ``text_format`` cannot read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.text_format import ParseError

from minicaffe.proto.minicaffe_pb2 import NetParameter, SolverParameter
from minicaffe.proto.scan import START, Frame, Place, Walk, place_of

EXPECTED = {
    FieldDescriptor.CPPTYPE_INT32: f"a whole number from {-(2**31)} to {2**31 - 1}",
    FieldDescriptor.CPPTYPE_INT64: f"a whole number from {-(2**63)} to {2**63 - 1}",
    FieldDescriptor.CPPTYPE_UINT32: f"a whole number from 0 to {2**32 - 1}",
    FieldDescriptor.CPPTYPE_FLOAT: "a number",
    FieldDescriptor.CPPTYPE_DOUBLE: "a number",
    FieldDescriptor.CPPTYPE_BOOL: "true or false",
    FieldDescriptor.CPPTYPE_STRING: "a string in quotes",
    FieldDescriptor.CPPTYPE_MESSAGE: "'{'",
}

# Fields that moved when ``layers`` became ``layer``: what to write today.
_TODAY = {
    ("LayerParameter", "blobs_lr"): "param { lr_mult: ... }",
    ("LayerParameter", "weight_decay"): "param { decay_mult: ... }",
    ("LayerParameter", "blob_share_mode"): "param { share_mode: ... }",
}
_FORK = "a fork of Caffe may have it, and --lenient skips it"
_TITLES = {"NetParameter": "a net's definition", "SolverParameter": "a solver's definition"}
_UNCLOSED = ('Expected "}".', 'Expected ">".')  # how text_format reports the end of the text
_MANY = 12  # names in a list that is still read to its end
_ESCAPE = re.compile(r"""\\(?P<known>[abfnrtv\\'"xuU]|[0-3][0-7]{0,2}|[4-7][0-7]?(?![0-7]))|\\.?""")
_LITERAL = re.compile(  # a string, or a comment, which may hold what looks like one
    r"""#[^\n]*|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?|'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'?"""
)
_MOST = 100_000
_BLANKS = re.compile(rf"(?<![^\S\n])[^\S\n]{{{_MOST}}}")
_LONG = 40  # characters of a token that are quoted
_LONGEST = 200  # of what text_format says, which may quote a line of any length
_ALIKE = 0.7  # of two names, as difflib counts: "transpose" and "transform" are not


def diagnose(text: str, descriptor: Any, error: ParseError) -> tuple[Place, str]:
    """Where and what: found, expected, and what was probably meant.

    Args:
        text: what could not be read.
        descriptor: of the message it should be.
        error: what ``text_format`` said; it stops at the first mistake.
    """
    place = Place(error.GetLine() or 1, error.GetColumn() or 1)
    walk = Walk(text, descriptor)
    walk.to(place)
    return place, (
        (_at_end(walk) if str(error).endswith(_UNCLOSED) else "")
        or _in_token(walk.token)
        or _in_field(walk.frames, walk.token)
        or f"cannot be read: {str(error).partition(' : ')[2][:_LONGEST]}"
    )


def bad_escape(text: str) -> tuple[int, str] | None:
    """Where and what for the first backslash that escapes nothing: "C:\\data", say.

    Caffe refuses it; ``text_format`` only warns, and leaves it as it is.

    Returns:
        Its offset in ``text``, and what is wrong.
    """
    for literal in _LITERAL.finditer(text) if "\\" in text else ():
        for escape in _ESCAPE.finditer(literal[0]) if literal[0][0] != "#" else ():
            if not escape["known"]:
                found = f"{escape[0]} is found in {quoted(literal[0])}"
                why = "a backslash itself is \\\\, and paths may have / in its place"
                offset = literal.start() + escape.start()
                return offset, f"{found}, expected an escape like \\n: {why}"
    return None


def too_long(text: str) -> tuple[int, str] | None:
    """Where and what for the first line that would cost ``text_format`` all memory.

    It spends 150 bytes on each blank in a row, and on each escape in a string.

    Returns:
        Its offset in ``text``, and what is wrong.
    """
    if blanks := _BLANKS.search(text):
        return blanks.start(), f"over {_MOST} blanks in a row are found, expected fewer"
    for literal in _LITERAL.finditer(text) if text.count("\\") > _MOST else ():
        if literal[0][0] != "#" and literal[0].count("\\") > _MOST:
            return literal.start(), f"a string with over {_MOST} escapes is found, expected fewer"
    return None


def other_byte(text: str) -> tuple[Place, str] | None:
    """Where and what for the first byte, as "surrogateescape" keeps it, outside a comment."""
    bare = _LITERAL.sub(lambda found: "#" * len(found[0]) if found[0][0] == "#" else found[0], text)
    if not (other := re.search("[\udc80-\udcff]", bare)):
        return None
    found = f"byte 0x{ord(other[0]) - 0xDC00:02X} is found, which is not UTF-8"
    why = "save the file as UTF-8 (comments may hold any bytes)"
    return place_of(text, other.start()), f"{found}: {why}"


def missing_field(path: str, places: dict[str, Place]) -> tuple[Place, str]:
    """Where and what for a required field that was not given: "layer[3].clip_param.min"."""
    owner, _, name = path.rpartition(".")
    place = places.get(owner, START)
    return place, f"{name} is not found in {owner or 'the message'}, expected it: it has no default"


def closest(found: str, known: Iterable[str]) -> str:
    """The name of ``known`` that was probably meant by ``found``, or ""; case is no matter."""
    if len(found) > _LONG:  # no field's name is, and likening takes time
        return ""
    by_core = {_core(name): name for name in known}
    close = difflib.get_close_matches(_core(found.strip("\"'")), by_core, n=1, cutoff=_ALIKE)
    return by_core[close[0]] if close else ""


def unknown_field(frames: list[Frame], name: str) -> str:
    """What is wrong with ``name``, a field that the last of ``frames`` lacks."""
    where = frames[-1].path or _title(frames[-1].descriptor)
    meant = _meant(frames, name) if name.isascii() else ""  # no field's name is anything else
    return f"there is no field {quoted(name)} in {where}{meant}"


def some_names(names: Sequence[str]) -> str:
    """``names`` in a row, the first of them where there are many."""
    return ", ".join(names[:_MANY]) + (", ..." if len(names) > _MANY else "")


def _core(name: str) -> str:
    """What tells ``name`` from others; an ending that all have would make them alike."""
    return name.lower().removesuffix("_param")


def _in_token(token: str) -> str:
    if token[:1] in ("'", '"') and (len(token) == 1 or token[-1] != token[0]):
        return f"{quoted(token)} is found, expected a closing {token[0]} on the same line"
    return ""


def _in_field(frames: list[Frame], token: str) -> str:
    frame = frames[-1]
    name, known = frame.field, frame.known
    if frame.state == "name":
        return _in_name(frames, token)
    if not known:
        return ""
    is_message = known.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE
    if name in frame.seen and not known.is_repeated:
        first = frame.seen[name][1].line
        return f"{name} is found a second time, expected once: it is in line {first}"
    if frame.state == "colon":
        expected = "'{'" if is_message else "':'"
        return f"{quoted(token)} is found after {name}, expected {expected}"
    if token == "[" and not known.is_repeated:
        return f"a list is found for {name}, expected one value"
    return _in_value(frame, token)


def _in_name(frames: list[Frame], token: str) -> str:
    frame = frames[-1]
    if not token or token[0] in "\"'":
        return ""
    if not token[0].isidentifier():
        opened = f" or the {frame.closer!r} for line {frame.opened.line}" if frame.closer else ""
        return f"{quoted(token)} is found, expected the name of a field{opened}"
    return "" if token in frame.descriptor.fields_by_name else unknown_field(frames, token)


def _meant(frames: list[Frame], name: str) -> str:
    """What to write instead of ``name``, which is not a field of the innermost frame."""
    frame = frames[-1]
    here = frame.descriptor
    if today := _TODAY.get((here.name, name)):
        return f": write {today}"
    for above in reversed(frames[:-1]):
        if name in above.descriptor.fields_by_name:
            of = above.path or _title(above.descriptor)
            opened = f"{frame.path.rpartition('.')[2]} of line {frame.opened.line}"
            if not frame.closer:  # YAML, JSON
                return f", it belongs in {of}, not in the {opened}"
            return f", it belongs in {of}: is a {frame.closer!r} missing for the {opened}?"
    for other in (NetParameter, SolverParameter):
        if len(frames) == 1 and name in other.DESCRIPTOR.fields_by_name:
            return f", it belongs in {_title(other.DESCRIPTOR)}: is this the right file?"
    if close := closest(name, here.fields_by_name):
        return f": did you mean {close!r}?"
    inside = [f.name for f in here.fields if _has(f.message_type, name)]
    if inside:
        some = " or ".join(inside[:3]) + (" or ..." if len(inside) > 3 else "")
        return f", it belongs in {some}"
    if name.endswith("_param"):
        return f": {_FORK}"
    if len(here.fields) < _MANY:
        return f": known: {', '.join(sorted(here.fields_by_name))}; {_FORK}"
    return f": {_FORK}"


def _in_value(frame: Frame, token: str) -> str:
    """What is wrong with ``token`` as a value of the frame's field."""
    known = frame.known
    found = f"{frame.field} is {quoted(token)}"
    if known.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        names = list(known.enum_type.values_by_name)
        close = closest(token, names)
        if known.containing_type.name == "V1LayerParameter" and token[:1] in ("'", '"'):
            return f"{found} in layers, expected a name like CONVOLUTION: did you mean layer?"
        hint = f"did you mean {close}?" if close else "a fork may have it, which is not known here"
        return f"{found}, expected one of {some_names(names)}: {hint}"
    is_word = token[:1].isalnum() or token[:1] in ("_", ".", "/")
    if known.cpp_type == FieldDescriptor.CPPTYPE_STRING and is_word:
        return f'{found}, expected a string in quotes: did you mean "{_short(token)}"?'
    return f"{found}, expected {EXPECTED[known.cpp_type]}"


def _at_end(walk: Walk) -> str:
    """The message that is still open where the text ends."""
    walk.to_end()
    frame = walk.frames[-1]
    opened = f"{frame.path} of line {frame.opened.line}"
    return f"the text ends inside {opened}, expected {frame.closer!r}"


def quoted(token: str) -> str:
    """``token`` in quotes, its start where it is long; "the end" where there is none."""
    short = _short(token)
    return short if short[:1] in ("'", '"') else f"'{short}'" if short else "the end"


def _short(token: str) -> str:
    """The start of ``token``, without what a terminal would obey."""
    start = token if len(token) <= _LONG else token[:_LONG] + "..."
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in start)


def _title(descriptor: Any) -> str:
    return _TITLES.get(descriptor.name, f"a {descriptor.name}")


def _has(descriptor: Any, name: str) -> bool:
    return descriptor is not None and name in descriptor.fields_by_name
