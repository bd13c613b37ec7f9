"""To mapping: messages as YAML and JSON, which protobuf and this package read back."""

from __future__ import annotations

import json
import math

import pytest
import yaml
from google.protobuf import json_format
from hypothesis import given

from minicaffe.proto.minicaffe_pb2 import Datum, LayerParameter, NetParameter, SolverParameter
from minicaffe.proto.text import parse, to_text
from minicaffe.proto.to_mapping import shortest, to_json, to_mapping, to_yaml
from tests.proto.messages import messages

NET = """
name: "tiny"
layer {
  name: "conv" type: "Convolution" bottom: "data" top: "conv"
  param { lr_mult: 0.1 } param { lr_mult: 2 }
  convolution_param { num_output: 8 kernel_size: 3 weight_filler { type: "gaussian" std: 1e-05 } }
}
layer { name: "pool" type: "Pooling" include { phase: TEST } pooling_param { pool: AVE } }
layer { name: "relu" relu_param { } input_param { shape { dim: 64 dim: 3 dim: 224 dim: 224 } } }
"""
YAML = """\
name: tiny
layer:
- name: conv
  type: Convolution
  bottom: [data]
  top: [conv]
  param:
  - {lr_mult: 0.1}
  - {lr_mult: 2}
  convolution_param:
    num_output: 8
    kernel_size: [3]
    weight_filler: {type: gaussian, std: 1.0e-05}
- name: pool
  type: Pooling
  include:
  - {phase: TEST}
  pooling_param: {pool: AVE}
- name: relu
  relu_param: {}
  input_param:
    shape:
    - dim: [64, 3, 224, 224]
"""


def test_yaml_is_pleasant():
    assert to_yaml(parse(NET, NetParameter)).replace("  origin: <string>:", "#") == "".join(
        f"{line}\n" for line in _with_origins(YAML)
    )


def _with_origins(text):
    """The fields that ``write`` leaves out, and ``to_yaml`` by itself does not."""
    lines, starts = [], iter((3, 8, 9))
    for line in text.splitlines():
        if line.startswith("- name") and lines[-1] != "layer:":
            lines.append(f"#{next(starts)}")
        lines.append(line)
    return [*lines, f"#{next(starts)}"]


def test_json_lists_of_numbers_are_one_line():
    lines = to_json(parse(NET, NetParameter)).splitlines()
    assert '          { "dim": [64, 3, 224, 224] }' not in lines
    assert any(line.strip() == '"dim": [64, 3, 224, 224]' for line in lines)
    assert any(line.strip() == '"param": [' for line in lines)


@given(messages(SolverParameter))
def test_all_read_it_back(solver):
    as_yaml, as_json = to_yaml(solver), to_json(solver)
    assert json_format.Parse(as_json, SolverParameter()) == solver
    assert json_format.ParseDict(yaml.safe_load(as_yaml), SolverParameter()) == solver
    assert to_text(parse(as_yaml, SolverParameter, syntax="yaml")) == to_text(solver)
    assert to_text(parse(as_json, SolverParameter, syntax="json")) == to_text(solver)


def test_numbers_that_json_has_not():
    solver = SolverParameter(base_lr=math.nan, gamma=math.inf, power=-math.inf)
    assert json.loads(to_json(solver)) == {
        "base_lr": "NaN",
        "gamma": "Infinity",
        "power": "-Infinity",
    }
    again = parse(to_yaml(solver), SolverParameter, syntax="yaml")
    assert math.isnan(again.base_lr)
    assert (again.gamma, again.power) == (math.inf, -math.inf)


def test_bytes_and_strings():
    assert to_mapping(Datum(data=b"\0\1\xff", encoded=True)) == {"data": "AAH/", "encoded": True}
    for text in ("no", "1e-3", "null", "~", "", " a", "a: b", "\n", "\N{SNOWMAN}", "#x", "'"):
        layer = LayerParameter(name=text)
        for syntax, written in (("yaml", to_yaml(layer)), ("json", to_json(layer))):
            assert parse(written, LayerParameter, syntax=syntax).name == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (1 / 3, "0.33333334"),
        (3.0, "3"),
        (-0.0, "-0.0"),
        (1e6, "1000000.0"),
        (1e30, "1e+30"),
    ],
)
def test_shortest(value, text):
    layer = LayerParameter(loss_weight=[value])
    field = LayerParameter.DESCRIPTOR.fields_by_name["loss_weight"]
    assert str(shortest(field, layer.loss_weight[0])) == text


def test_the_largest_float():
    layer = LayerParameter(loss_weight=[3.4028234663852886e38])
    again = parse(to_yaml(layer), LayerParameter, syntax="yaml")
    assert again.loss_weight == layer.loss_weight
