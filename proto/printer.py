"""Printer: messages as text, in the form that protobuf's C++ library gives them.

Python's own printer shortens numbers as far as they still read the same; C++ prints six digits
of a float, or nine where six are not enough (15 and 17 of a double).
"""

from __future__ import annotations

import re
import struct

from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from minicaffe.proto.minicaffe_pb2 import DESCRIPTOR

# Whole numbers of the schema have neither a point nor an exponent, strings have quotes.
_NUMBER = re.compile(r"^( *(\w+): )(-?\d+(?=[.e])[\d.e+-]*)$", re.MULTILINE)
_DOUBLES = frozenset(
    field.name
    for message in DESCRIPTOR.message_types_by_name.values()
    for field in message.fields
    if field.type == FieldDescriptor.TYPE_DOUBLE
)


def printed(message: Message) -> str:
    """``message`` as text: one field a line, in the order of their numbers, ASCII alone."""
    return _NUMBER.sub(_as_in_c, text_format.MessageToString(message, as_utf8=False))


def _as_in_c(match: re.Match[str]) -> str:
    head, field, number = match.groups()
    value = float(number)
    if field in _DOUBLES:
        short, full = f"{value:.15g}", f"{value:.17g}"
        return head + (short if float(short) == value else full)
    short, full = f"{value:.6g}", f"{_float32(value):.9g}"
    return head + (short if _float32(float(short)) == _float32(value) else full)


def _float32(value: float) -> float:
    single: float = struct.unpack("f", struct.pack("f", value))[0]
    return single
