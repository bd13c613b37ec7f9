"""What of a definition Caffe 1.0 does not know: fields of its forks, and of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

OURS = 10_000  # numbers of fields and enum values that Caffe lacks start here
_HIDDEN = "origin"  # never written


def beyond_caffe(message: Message) -> Iterator[str]:
    """The paths of what is set in ``message`` and unknown to Caffe 1.0's schema.

    Such as "layer[3].permute_param"; what is inside is not told apart. A toolchain that parses
    with that schema refuses a text that has any; of a binary file it skips them.
    """
    return _beyond(message, "")


def _beyond(message: Any, path: str) -> Iterator[str]:
    for field, value in message.ListFields():
        name = f"{path}{field.name}"
        if field.name == _HIDDEN:
            continue
        if field.number >= OURS:
            yield name
            continue
        several = isinstance(value, list) or hasattr(value, "append") or hasattr(value, "add")
        for index, each in enumerate(value if several else [value]):
            place = f"{name}[{index}]" if several else name
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                yield from _beyond(each, f"{place}.")
            elif field.type == FieldDescriptor.TYPE_ENUM and each >= OURS:
                yield place
