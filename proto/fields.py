"""Fields of any message: what is set, setting it in another message, all of it."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

M = TypeVar("M", bound=Message)


def fields_of(message: Any) -> list[tuple[str, Any]]:
    """The names and values of the fields that are set."""
    return [(field.name, value) for field, value in message.ListFields()]


def set_field(message: Any, name: str, value: Any) -> None:
    """Set a field of any kind to a copy of ``value``.

    A string that is not UTF-8, as old paths are, which protobuf hands out but does not take back,
    gets U+FFFD in place of what is wrong.
    """
    if hasattr(value, "ListFields"):
        getattr(message, name).CopyFrom(value)
    elif isinstance(value, str | int | float):
        setattr(message, name, value)
    elif isinstance(value, bytes):
        is_string = message.DESCRIPTOR.fields_by_name[name].type == FieldDescriptor.TYPE_STRING
        setattr(message, name, value.decode(errors="replace") if is_string else value)
    else:
        getattr(message, name).MergeFrom(value)


def copy(message: M) -> M:
    """A message equal to ``message`` that shares nothing with it."""
    new = type(message)()
    new.CopyFrom(message)
    return new
