"""The schema's comments: every message, field and value is found, and says something."""

from __future__ import annotations

import pytest

from minicaffe.proto import minicaffe_pb2
from minicaffe.proto.help import message_help

MESSAGES = minicaffe_pb2.DESCRIPTOR.message_types_by_name


@pytest.mark.parametrize("name", MESSAGES)
def test_agrees_with_the_descriptor(name):
    descriptor = MESSAGES[name]
    found = {field.name: field for field in message_help(name).fields}
    assert set(found) == set(descriptor.fields_by_name)
    for field in descriptor.fields:
        entry = found[field.name]
        assert (entry.label == "repeated") == field.is_repeated
        assert bool(entry.default) == field.has_default_value
        if field.enum_type:
            assert entry.type.rpartition(".")[2] == field.enum_type.name


@pytest.mark.parametrize("name", set(MESSAGES) - {"V0LayerParameter", "V1LayerParameter"})
def test_every_field_is_explained(name):
    assert message_help(name).comment
    assert [field.name for field in message_help(name).fields if not field.comment] == []


def test_comments_before_and_behind_a_field():
    fields = {field.name: field for field in message_help("PoolingParameter").fields}
    assert fields["pool"].comment == "What is taken of a window."
    assert fields["kernel_size"].comment.startswith("Size of the windows; or kernel_h")
    assert (fields["round_mode"].type, fields["round_mode"].default) == ("RoundMode", "CEIL")


def test_enums():
    values = {value.name: value for value in message_help("PoolingParameter.RoundMode").fields}
    assert set(values) == {"CEIL", "FLOOR"}
    assert values["FLOOR"].comment.startswith("Drop it")
