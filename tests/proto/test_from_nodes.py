"""From nodes: definitions in YAML and JSON, as people write them, and their mistakes."""

from __future__ import annotations

import logging
import math

import pytest
from google.protobuf import json_format

from minicaffe.errors import PrototxtError
from minicaffe.proto.minicaffe_pb2 import (
    TEST,
    TRAIN,
    BlobProto,
    Datum,
    NetParameter,
    PoolingParameter,
    SolverParameter,
)
from minicaffe.proto.text import parse

NET = """\
name: no
layer:
- name: data
  type: Input
  top: data
  input_param: {shape: {dim: [2, 3]}}
- type: Pooling
  include: {phase: TRAIN}
  loss_weight: 1e-3
  pooling_param:
    pool: AVE
    kernelSize: 3
"""


def net(text, **options):
    return parse(text, NetParameter, "p.yaml", syntax="yaml", **options)


def solver(text):
    return parse(text, SolverParameter, "s.yaml", syntax="yaml")


def test_a_net():
    found = net(NET)
    assert found.name == "no"
    assert [*found.layer[0].top] == ["data"]
    assert [*found.layer[0].input_param.shape[0].dim] == [2, 3]
    assert found.layer[1].include[0].phase == TRAIN
    assert found.layer[1].loss_weight[0] == pytest.approx(1e-3)
    assert found.layer[1].pooling_param.pool == PoolingParameter.AVE
    assert found.layer[1].pooling_param.kernel_size == 3
    assert [layer.origin for layer in found.layer] == ["p.yaml:3", "p.yaml:7"]


def test_it_is_the_mapping_of_protobuf():
    message = NetParameter(name="x", input_dim=[1, 2], force_backward=True)
    message.layer.add(name="a", loss_weight=[0.5, math.inf], phase=TEST)
    message.layer.add(relu_param={}).input_param.shape.add(dim=[2**40])
    for preserving in (True, False):
        text = json_format.MessageToJson(message, preserving_proto_field_name=preserving)
        found = parse(text, NetParameter, syntax="json")
        for layer in found.layer:
            layer.ClearField("origin")
        assert found == message


def test_origins_of_a_solvers_nets():
    found = solver("net_param:\n  layer:\n  - name: a\ntest_net_param:\n- {}\n- layer: {name: b}\n")
    assert found.net_param.layer[0].origin == "s.yaml:3"
    assert found.test_net_param[1].layer[0].origin == "s.yaml:6"


def test_empty_messages_are_there_and_nulls_are_not():
    found = net("layer:\n- {relu_param: {}, tanh_param: ~, name: }\n")
    assert [field.name for field, _ in found.layer[0].ListFields()] == ["relu_param", "origin"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("yes", True), ("On", True), ("1", True), ("FALSE", False), ("off", False), ("0", False)],
)
def test_bools(text, value):
    assert solver(f"debug_info: {text}").debug_info is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("-.inf", -math.inf), ("'Infinity'", math.inf), ("+inf", math.inf), ("1.e+2", 100)],
        *[(".5", 0.5), ("'0.25'", 0.25), ("3", 3), ("0x10", 16), ("1e-2", 0.01)],
    ],
)
def test_floats(text, value):
    assert solver(f"base_lr: {text}").base_lr == pytest.approx(value)


def test_nan():
    assert math.isnan(solver("base_lr: NaN").base_lr)
    assert math.isnan(solver("base_lr: .nan").base_lr)


@pytest.mark.parametrize("text", ["12", "'12'", "12.0", "1.2e1", "0xC", "+12"])
def test_integers(text):
    assert solver(f"max_iter: {text}").max_iter == 12


def test_enums_by_number_and_strings_of_all_kinds():
    found = solver("solver_mode: 0\ntype: 3\nnet: ''\nregularization_type: 'null'\nlr_policy: no")
    assert found.solver_mode == SolverParameter.CPU
    assert (found.type, found.net, found.lr_policy) == ("3", "", "no")
    assert found.regularization_type == "null"


def test_bytes_are_base64():
    assert parse('{"data": "AAH/"}', Datum, syntax="json").data == b"\0\1\xff"
    with pytest.raises(PrototxtError, match="p:1:10: data is '!', expected"):
        parse('{"data": "!"}', Datum, "p", syntax="json")


def test_merged_mappings():
    found = net(
        "layer:\n"
        "- &conv {type: Convolution, convolution_param: &c {num_output: 8, kernel_size: 3}}\n"
        "- <<: *conv\n  name: b\n  convolution_param: {num_output: 16, <<: *c}\n"
        "- {<<: [{name: c, type: X}, *conv]}\n"
    )
    assert [layer.type for layer in found.layer] == ["Convolution", "Convolution", "X"]
    assert [layer.convolution_param.num_output for layer in found.layer] == [8, 16, 8]
    assert [[*layer.convolution_param.kernel_size] for layer in found.layer] == [[3]] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "layer:\n- nam: a",
            r"p.yaml:2:3: there is no field 'nam' in layer\[0\]: did you mean 'name'",
        ),
        ("nam: a", r"p.yaml:1:1: there is no field 'nam' in a net's definition: did you mean"),
        ("base_lr: 1", "it belongs in a solver's definition: is this the right file"),
        (
            "layer:\n- pooling_param:\n    pool: MAX\n    bottom: a",
            r"p.yaml:4:5: there is no field 'bottom' in layer\[0\].pooling_param, it belongs in "
            r"layer\[0\], not in the pooling_param of line 3",
        ),
        ("layer: {pooling_param: {pool: MXA}}", "1:31: pool is 'MXA', expected one of MAX, AVE"),
        ("layer: {pooling_param: {pool: 7}}", "pool is 7, expected one of"),
        ("layer: {pooling_param: {pad: -1}}", "pad is -1, expected a whole number from 0"),
        ("layer: {pooling_param: {pad: 1.5}}", "pad is 1.5, expected a whole number"),
        ("layer: {pooling_param: {pad: 010}}", "pad is '010', expected a whole number"),
        ("layer: {pooling_param: {pad: [1]}}", "1:30: a list is found for pad, expected one value"),
        ("layer: {pooling_param: 3}", r"1:24: layer\[0\].pooling_param is '3', expected fields"),
        ("layer: {loss_weight: [1, ~]}", "1:26: nothing is found in loss_weight"),
        ("layer: {name: {a: 1}}", "a mapping is found for name, expected one value"),
        ("layer: [x]", r"1:9: layer\[0\] is 'x', expected fields"),
        ("force_backward: maybe", "force_backward is 'maybe', expected true or false"),
        ("force_backward: 'true'", "force_backward is 'true', expected true or false"),
        ("name: a\nname: b", "p.yaml:2:1: name is found a second time, expected once: .* line 1"),
        (
            "layer: {convolution_param: {numOutput: 1, num_output: 2}}",
            "num_output is found a second",
        ),
        ("[1]: 2", "1:1: a list is found, expected the name of a field"),
        ("- name: a", "p.yaml:1:1: the file is a list, expected fields"),
        ("hello", "the file is 'hello', expected fields"),
        ("<<: 3", "'3' is found after <<, expected fields to merge"),
        (
            "layer:\n- type: Clip\n  clip_param: {min: 0}",
            r"3:15: max is not found in layer\[0\].clip",
        ),
        (f"input_dim: {'9' * 5000}", "input_dim is '999.*, expected a whole number"),
    ],
)
def test_mistakes(text, message):
    with pytest.raises(PrototxtError, match=message):
        net(text)


def test_half_a_surrogate_pair():
    with pytest.raises(PrototxtError, match=r"p:1:2: there is no field '\\ud800' in a net"):
        parse('{"\\ud800": 1}', NetParameter, "p", syntax="json")


def test_a_string_that_is_none():
    with pytest.raises(PrototxtError, match=r"p:1:10: name is .*, expected a string"):
        parse('{"name": "\\ud800"}', NetParameter, "p", syntax="json")


def test_lenient_skips_unknown_fields(caplog):
    caplog.set_level(logging.WARNING, "minicaffe")
    found = net("layer:\n- name: a\n  fork_param: {x: [1]}\n- fork_param: 3\n", lenient=True)
    assert [layer.name for layer in found.layer] == ["a", ""]
    assert "p.yaml:3: skipped 'fork_param', an unknown field of LayerParameter" in caplog.text
    assert "also" not in caplog.text
    assert "and in line 4" in caplog.text
    with pytest.raises(PrototxtError, match="expected one value"):
        net("name: [a]\nfork: 1", lenient=True)


def test_aliases_cannot_fill_the_memory():
    text = "data: &a [" + ",".join("1" * 2000) + "]\n"
    assert len(parse(text, BlobProto, syntax="yaml").data) == 2000
    lines = ["layer:", "- &a {loss_weight: &b [" + ",".join("1" * 2000) + "]}"]
    lines += ["- {loss_weight: *b}"] * 2000
    with pytest.raises(PrototxtError, match="aliases make too many values"):
        net("\n".join(lines))
