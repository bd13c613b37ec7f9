"""The schema: against tables of Caffe 1.0's, and the generated module against the .proto."""

from __future__ import annotations

import csv
import re
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from minicaffe.proto import caffe_pb2, minicaffe_pb2

HERE = Path(__file__).parent
OURS = 10_000  # numbers of our own fields start here
NVIDIAS = {
    ("BlobProto", "raw_data_type", 10),
    ("BlobProto", "raw_diff_type", 11),
    ("BlobProto", "raw_data", 12),
    ("BlobProto", "raw_diff", 13),
    ("BatchNormParameter", "scale_bias", 7),
}


def declared():
    """The schema as the generated module holds it, before defaults are applied."""
    schema = FileDescriptorProto()
    minicaffe_pb2.DESCRIPTOR.CopyToProto(schema)
    return schema


def number_or_name(text):
    """A default for comparison: 1e-05 is 1e-5, and 0 is 0.0; all of them are of float32."""
    try:
        return np.float32(text)
    except ValueError:
        return text


def name_of(field):
    if field.type_name:
        return field.type_name.removeprefix(".minicaffe.")
    return Field.Type.Name(field.type).removeprefix("TYPE_").lower()


def label_of(field):
    return Field.Label.Name(field.label).removeprefix("LABEL_").lower()


def fields():
    """(message, field, number, label, type, default, packed, deprecated) of each field."""
    return [
        (
            message.name,
            field.name,
            field.number,
            label_of(field),
            name_of(field),
            number_or_name(field.default_value),
            field.options.packed,
            field.options.deprecated,
        )
        for message in declared().message_type
        for field in message.field
    ]


def enums():
    """(enum, value, number) of each value."""
    schema = declared()
    named = [(enum.name, enum) for enum in schema.enum_type]
    for message in schema.message_type:
        named += [(f"{message.name}.{enum.name}", enum) for enum in message.enum_type]
    return [(name, value.name, value.number) for name, enum in named for value in enum.value]


def table(name):
    with open(HERE / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_field_is_caffes():
    caffes = {
        (
            row["message"],
            row["field"],
            int(row["number"]),
            row["label"],
            row["type"],
            number_or_name(row["default"]),
            row["packed"] == "packed",
            bool(row["deprecated"]),
        )
        for row in table("proto_fields.csv")
    }
    assert len(caffes) == 423
    theirs = {field for field in fields() if field[2] < OURS and field[0] not in our_messages()}
    nvidias = {field for field in theirs if field[:3] in NVIDIAS}
    assert len(nvidias) == len(NVIDIAS)
    assert theirs - nvidias == caffes


def our_messages():
    """Messages that Caffe has none of: the fields that hold them are ours as well."""
    known = {row["message"] for row in table("proto_fields.csv")}
    return {message for message, *_ in fields() if message not in known}


def test_messages_of_our_own_are_in_fields_of_our_own():
    ours = our_messages()
    assert {"LoaderParameter", "PermuteParameter", "GroupNormParameter"} <= ours
    held = [field for field in fields() if field[4] in ours and field[0] not in ours]
    assert len(held) > 40
    assert all(field[2] >= OURS for field in held)


def test_every_enum_value_is_caffes():
    caffes = {(row["enum"], row["value"], int(row["number"])) for row in table("proto_enums.csv")}
    assert len(caffes) == 111
    ours = our_messages() | {"BlobProto.RawType"}
    theirs = {value for value in enums() if value[2] < OURS}
    assert {v for v in theirs if not {v[0], v[0].partition(".")[0]} & ours} == caffes


def test_fields_of_our_own_are_off_by_default():
    ours = {field[:2]: field for field in fields() if field[2] >= OURS}
    assert {("LayerParameter", "origin"), ("SolverParameter", "warmup_iter")} <= set(ours)
    for (message, _), (*_, label, _, _, _, deprecated) in ours.items():
        assert not message.startswith("V0")
        assert label in ("optional", "repeated")
        assert not deprecated


def test_no_field_of_ours_is_a_number_that_a_fork_has():
    rfcn = {10_000, 10_001, 8_266_711, 8_266_712}
    layer = minicaffe_pb2.LayerParameter.DESCRIPTOR
    assert not rfcn & set(layer.fields_by_number)


def test_caffe_may_be_loaded_beside_it():
    assert minicaffe_pb2.DESCRIPTOR.name == "minicaffe.proto"
    assert minicaffe_pb2.DESCRIPTOR.package == "minicaffe"


@pytest.mark.parametrize("enum", minicaffe_pb2.SolverParameter.DESCRIPTOR.enum_types_by_name)
def test_enum_values_are_attributes_of_their_message(enum):
    values = getattr(minicaffe_pb2.SolverParameter, enum).items()
    assert all(getattr(minicaffe_pb2.SolverParameter, name) == number for name, number in values)


def source():
    return (resources.files("minicaffe.proto") / "minicaffe.proto").read_text(encoding="utf-8")


DECLARATION = re.compile(
    r"(?P<label>optional|required|repeated) (?P<type>[\w.]+) (?P<name>\w+) = (?P<number>\d+)"
    r"(?: \[(?:default = (?P<default>[^\]]+)|packed = (?P<packed>true))\])?;"
)


def test_generated_module_is_what_the_proto_says():
    """A light scan: fields in their order, all that is said of them, by message."""
    message, scanned, values = "", [], []
    for line in source().splitlines():
        code = line.split("//")[0].strip()
        if opening := re.match(r"message (\w+) {", code):
            message = opening[1]
        elif field := DECLARATION.match(code):
            default = (field["default"] or "").strip('"')
            kind = field["type"].rpartition(".")[2]
            said = (field["label"], kind, number_or_name(default), bool(field["packed"]))
            scanned.append((message, field["name"], int(field["number"]), *said))
        elif value := re.match(r"(\w+) = (\d+);$", code):
            values.append((value[1], int(value[2])))
    generated = [(*row[:4], row[4].rpartition(".")[2], *row[5:7]) for row in fields()]
    assert scanned == generated
    assert sorted(values) == sorted((name, number) for _, name, number in enums())


def test_every_message_and_field_that_is_not_old_has_a_comment():
    bare, before, message = [], "", ""
    for line in source().splitlines():
        code, _, comment = line.partition("//")
        if opening := re.match(r"message (\w+) {", code):
            message = opening[1]
        declares = DECLARATION.match(code.strip()) or opening
        if declares and not comment and not before.strip().startswith("//"):
            bare.append((message, code.strip()))
        before = line
    assert [which for which in bare if not re.match("V[01]", which[0])] == []


def test_alias_has_every_public_name():
    public = {name for name in vars(minicaffe_pb2) if not name.startswith("_")}
    assert {"NetParameter", "TRAIN", "DESCRIPTOR"} <= public
    assert all(getattr(caffe_pb2, name) is getattr(minicaffe_pb2, name) for name in public)
