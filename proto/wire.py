"""Wire: protobuf's binary format, looked at before a message is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_VARINT, _EIGHT_BYTES, _LENGTH, _GROUP, _END_GROUP, _FOUR_BYTES = range(6)
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_WIRE_TYPES = {
    FieldDescriptor.TYPE_DOUBLE: _EIGHT_BYTES,
    FieldDescriptor.TYPE_FLOAT: _FOUR_BYTES,
    FieldDescriptor.TYPE_STRING: _LENGTH,
    FieldDescriptor.TYPE_BYTES: _LENGTH,
    FieldDescriptor.TYPE_MESSAGE: _LENGTH,
}  # and _VARINT for all others
_MOST_FIELDS = 10_000  # of the outermost message that are looked at: some milliseconds


class Survey(NamedTuple):
    """The fields of an outermost message, as far as it goes.

    Attributes:
        known: fields that the message has.
        foreign: fields that have a number of the message but not its wire type.
        last: where the last field starts.
        end: where it ends; beyond the data where they are cut short.
    """

    known: int
    foreign: int
    last: int
    end: int


class Field(NamedTuple):
    """Where a field lies in the bytes of its message.

    Attributes:
        number: of the field.
        wire_type: how its value is stored.
        at: where it starts, with its tag.
        body: behind the tag.
        start: where its value starts: behind the length, where it has one.
        end: where it ends.
    """

    number: int
    wire_type: int
    at: int
    body: int
    start: int
    end: int

    @property
    def has_length(self) -> bool:
        """It is a message, or bytes, or a string, or packed numbers."""
        return self.wire_type == _LENGTH


def outermost(data: bytes | memoryview) -> Iterator[Field]:
    """The outermost fields of the message ``data``, until one makes no sense or is cut short."""
    at = 0
    while at < len(data):
        tag, body = _varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        start = end = body
        if wire_type == _VARINT:
            _, end = _varint(data, body)
        elif wire_type == _LENGTH:
            length, start = _varint(data, body)
            end = start + length
        elif wire_type in _FIXED:
            end = body + _FIXED[wire_type]
        else:
            return
        if not number or end > len(data):
            return
        yield Field(number, wire_type, at, body, start, end)
        at = end


def tagged(number: int, value: bytes) -> bytes:
    """The field ``number`` with ``value``, a message or bytes."""
    return varint(number << 3 | _LENGTH) + varint(len(value)) + value


def varint(number: int) -> bytes:
    """A number from 0 up, seven bits a byte, the lowest first."""
    result = bytearray()
    while number > 0x7F:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*result, number])


def survey(data: bytes, message_type: type[Message]) -> Survey:
    """Look at the outermost fields of ``data``, as a ``message_type``, until one makes no sense."""
    fields = message_type.DESCRIPTOR.fields_by_number
    known = foreign = last = end = 0
    for _ in range(_MOST_FIELDS):
        if end >= len(data):
            break
        tag, at = _varint(data, end)
        number, wire_type = tag >> 3, tag & 7
        if not number:
            break
        if wire_type == _VARINT:
            _, at = _varint(data, at)
        elif wire_type == _LENGTH:
            length, at = _varint(data, at)
            at += length
        elif wire_type in _FIXED:
            at += _FIXED[wire_type]
        else:
            break
        if field := fields.get(number):
            allowed = {_WIRE_TYPES.get(field.type, _VARINT)}
            allowed |= {_LENGTH} if field.is_repeated else set()
            known += wire_type in allowed
            foreign += wire_type not in allowed
        last, end = end, at
    return Survey(known, foreign, last, end)


def exceeds(data: bytes, message_type: type[Message], most: int) -> bool:
    """Whether a message in ``data`` holds over ``most`` fields, those of messages in it included.

    A layer of two bytes takes 500 in memory, so that a small file could fill it. Messages without
    repeated messages, as blobs are, take no more than their bytes: they count as one.
    """
    left = [(0, len(data), message_type.DESCRIPTOR)]
    count = 0
    while left:
        at, end, descriptor = left.pop()
        fields = descriptor.fields_by_number
        while at < end:
            count += 1
            if count > most:
                return True
            tag, at = _varint(data, at)
            wire_type = tag & 7
            if wire_type == _VARINT:
                _, at = _varint(data, at)
            elif wire_type == _LENGTH:
                length, at = _varint(data, at)
                field = fields.get(tag >> 3)
                if field and field.message_type and _grows(field.message_type):
                    left.append((at, min(at + length, end), field.message_type))
                at += length
            else:  # what follows the start of a group is taken for fields of the message itself
                at += _FIXED.get(wire_type, 0)
    return False


@cache
def _grows(descriptor: Any) -> bool:
    """Some message in it is repeated."""
    return any(
        field.message_type and (field.is_repeated or _grows(field.message_type))
        for field in descriptor.fields
    )


def _varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """The number at ``at`` and where it ends: past the end of ``data`` if it is cut short."""
    value = 0
    for i, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value, at + i + 1
    return value, len(data) + 1
