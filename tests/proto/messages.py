"""Random messages of any type of the schema, for hypothesis."""

from __future__ import annotations

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

_TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
_VALUES = {
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_FLOAT: st.floats(width=32, allow_nan=False),
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_STRING: _TEXT,
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=6),
}


def _values(field, depth):
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return messages(GetMessageClass(field.message_type), depth - 1)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return st.sampled_from([value.number for value in field.enum_type.values])
    return _VALUES[field.type]


@st.composite
def messages(draw, message_type, depth=4):
    """A ``message_type`` with some fields set, all required ones among them, but no ``origin``."""
    message = message_type()
    fields = [field for field in message_type.DESCRIPTOR.fields if field.name != "origin"]
    if depth == 0:
        fields = [field for field in fields if field.type != FieldDescriptor.TYPE_MESSAGE]
    drawn = draw(st.lists(st.sampled_from(fields), max_size=4, unique_by=lambda f: f.number))
    required = [field for field in fields if field.is_required and field not in drawn]
    for field in [*drawn, *required]:
        values = _values(field, depth)
        if field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(values, min_size=1, max_size=3)))
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            getattr(message, field.name).CopyFrom(draw(values))
        else:
            setattr(message, field.name, draw(values))
    return message
