"""Assign: Python values into the fields of a message, checked one by one.

What the fields may hold is the schema's; how it is given is Python's: a dict for a message, any
sequence for a repeated field, one value for a repeated field of one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from minicaffe.errors import PrototxtError
from minicaffe.proto.diagnosis import EXPECTED, closest, some_names

_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
}
_FLOATS = (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE)
_LONG = 60  # characters of a value that are quoted


class UnknownFieldError(PrototxtError, AttributeError):
    """A message has no field of that name; an AttributeError too, as protobuf's own."""


class FieldValueError(PrototxtError, TypeError):
    """A field cannot hold the value; a TypeError and a ValueError too, as protobuf's own."""


def assign(message: Message, name: str, value: Any, owner: str = "") -> None:
    """Set the field ``name`` of ``message``; a repeated one goes on with ``value``.

    Args:
        message: it is changed; after an error it may have some of ``value``.
        name: of the field.
        value: a number, string or bool, a NumPy scalar too; the name or the number of an enum's
            value; a path; a dict, or a message, for a message, of which an empty dict sets
            nothing; a sequence of these, or one alone, for a repeated field. None: the field
            stays unset.
        owner: what ``message`` is, for errors: "weight_filler".

    Raises:
        UnknownFieldError: there is no such field, in the message or one in it.
        FieldValueError: it cannot hold the value.
    """
    field = message.DESCRIPTOR.fields_by_name.get(name) if name.isascii() else None
    if field is None:
        raise unknown_field(message, name, owner)
    path = f"{owner}.{name}" if owner else name
    if value is None:
        return
    if field.is_repeated:
        for each in _listed(value):
            if field.message_type:
                _fill(getattr(message, name).add(), each, path)
            else:
                getattr(message, name).append(scalar(field, each, path))
    elif field.message_type:
        _fill(getattr(message, name), value, path)
    else:
        setattr(message, name, scalar(field, value, path))


def unknown_field(
    message: Message, name: str, owner: str = "", also: Iterable[str] = ()
) -> UnknownFieldError:
    """The error for a field that is not there: what was meant, or where it belongs.

    Args:
        message: what lacks it.
        name: of the field.
        owner: what ``message`` is; its type by default.
        also: further names that may be given there.
    """
    descriptor: Any = message.DESCRIPTOR
    names = [*descriptor.fields_by_name, *also]
    inside = [f.name for f in descriptor.fields if f.message_type and _has(f.message_type, name)]
    if len(inside) in (1, 2):
        hint = f"it belongs in {' or '.join(inside)}, a dict"
    elif close := closest(name, names):
        hint = f"did you mean {close!r}?"
    else:
        hint = f"known: {some_names(sorted(names, key=lambda each: (each[-6:] == '_param', each)))}"
    return UnknownFieldError(f"there is no field {name!r} in {owner or descriptor.name}: {hint}")


def scalar(field: Any, value: Any, path: str) -> Any:
    """``value`` as ``field``, which is no message, holds it.

    A whole float passes for an integer: it is what a division gives.

    Raises:
        FieldValueError: it cannot; ``path`` says which it is.
    """
    if not isinstance(value, str | bytes) and hasattr(value, "item"):
        try:
            value = value.item()  # of NumPy
        except ValueError:  # an array of several
            raise _refusal(field, value, path) from None
    kind = field.cpp_type
    found: Any
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        found = _enum(field.enum_type, value)
    elif kind == FieldDescriptor.CPPTYPE_STRING:
        found = _string(field, value)
    elif kind == FieldDescriptor.CPPTYPE_BOOL:
        found = bool(value) if isinstance(value, int) else None
    elif kind in _FLOATS:
        found = float(value) if hasattr(value, "__float__") else None
    else:
        found = _integer(value)
        least, most = _RANGES[kind]
        found = found if found is not None and least <= found <= most else None
    if found is None:
        raise _refusal(field, value, path)
    return found


def _listed(value: Any) -> Iterator[Any]:
    single = isinstance(value, str | bytes | os.PathLike | Mapping | Message)
    if single or not isinstance(value, Iterable) or getattr(value, "shape", None) == ():
        yield value
    else:
        yield from value


def _fill(message: Message, value: Any, path: str) -> None:
    if isinstance(value, type(message)):
        message.MergeFrom(value)
        message.SetInParent()
    elif isinstance(value, Mapping):
        for name, each in value.items():
            assign(message, name, each, path)
    else:
        kind = f"a dict of the fields of {message.DESCRIPTOR.name}"
        raise FieldValueError(f"{path} is {_short(value)}, expected {kind}")


def _enum(descriptor: Any, value: Any) -> int | None:
    if isinstance(value, str):
        known = descriptor.values_by_name.get(value)
    else:
        number = None if isinstance(value, bool) else _integer(value)
        known = descriptor.values_by_number.get(number)
    return None if known is None else int(known.number)


def _string(field: Any, value: Any) -> str | bytes | None:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str | bytes):
        return None
    try:
        if field.type == FieldDescriptor.TYPE_BYTES:
            return value if isinstance(value, bytes) else value.encode()
        return value.encode().decode() if isinstance(value, str) else value.decode()
    except UnicodeError:
        return None


def _integer(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value.__index__() if hasattr(value, "__index__") else None


def _refusal(field: Any, value: Any, path: str) -> FieldValueError:
    if field.enum_type:
        names = list(field.enum_type.values_by_name)
        close = closest(value, names) if isinstance(value, str) else ""
        hint = f": did you mean {close!r}?" if close else ""
        expected = f"one of {some_names(names)}{hint}"
    elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        expected = "a string"
    else:
        expected = EXPECTED[field.cpp_type]
    return FieldValueError(f"{path} is {_short(value)}, expected {expected}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONG else text[:_LONG] + "..."


def _has(descriptor: Any, name: str) -> bool:
    return name.isascii() and name in descriptor.fields_by_name
