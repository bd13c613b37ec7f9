"""A message as YAML and as JSON: protobuf's JSON mapping, with the names of a prototxt's fields.

Difference: 64-bit integers (the sizes of a shape) are numbers, not strings; readers of the
mapping take both.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

WIDTH = 100
_WHOLE = 1e6  # a whole number below is written without a point


def to_mapping(message: Message) -> dict[str, Any]:
    """``message`` as dicts, lists, strings, numbers and bools."""
    result = {}
    for field, value in message.ListFields():
        if field.is_repeated:
            result[field.name] = [_plain(field, each) for each in value]
        else:
            result[field.name] = _plain(field, value)
    return result


def to_json(message: Message) -> str:
    """``message`` as JSON; a list or an object of few scalars is one line."""
    return _json(to_mapping(message), "") + "\n"


def _json(value: Any, indent: str) -> str:
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if not isinstance(value, dict | list) or not value:
        return line
    inner = indent + "  "
    each = list(value.values()) if isinstance(value, dict) else value
    if len(inner) + len(line) <= WIDTH and not any(isinstance(v, dict | list) for v in each):
        return line
    items = [_json(v, inner) for v in each]
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {item}" for key, item in zip(value, items, strict=True)]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + ",".join(f"\n{inner}{item}" for item in items) + f"\n{indent}{closing}"


def to_yaml(message: Message) -> str:
    """``message`` as YAML: a list of numbers, and a message of few fields, is one line."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(
        to_mapping(message),
        Dumper=dumper,
        default_flow_style=None,
        sort_keys=False,
        allow_unicode=True,
        width=WIDTH,
    )
    return text


def _plain(field: Any, value: Any) -> Any:
    if field.message_type:
        return to_mapping(value)
    if field.enum_type:
        return field.enum_type.values_by_number[value].name
    if field.type == FieldDescriptor.TYPE_BYTES:
        return base64.b64encode(value).decode()
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return value if isinstance(value, str) else value.decode(errors="replace")
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return shortest(field, value) if isinstance(value, float) else value


def shortest(field: Any, value: float) -> float | int:
    """The shortest number that ``field`` reads as ``value``; a whole one as such."""
    if not math.isfinite(value):
        return value
    if field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT:
        candidates = (float(f"{value:.{digits}g}") for digits in range(6, 10))
        value = next(each for each in candidates if _is_float32(each, value))
    is_minus_zero = value == 0 and math.copysign(1, value) < 0
    return int(value) if value.is_integer() and abs(value) < _WHOLE and not is_minus_zero else value


def _is_float32(number: float, value: float) -> bool:
    try:
        return bool(struct.unpack("f", struct.pack("f", number))[0] == value)
    except OverflowError:  # rounded up, beyond the largest
        return False
