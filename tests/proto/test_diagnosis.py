"""Diagnosis: each way to get a prototxt wrong, and what is said about it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicaffe.errors import PrototxtError
from minicaffe.proto.diagnosis import bad_escape, closest
from minicaffe.proto.minicaffe_pb2 import ClipParameter, NetParameter, SolverParameter
from minicaffe.proto.text import parse, to_text
from tests.proto.messages import messages

WRONG = {
    # field names
    "layer {\n  convolution_parm {}\n}": (
        (2, 3),
        "there is no field 'convolution_parm' in layer[0]: did you mean 'convolution_param'?",
    ),
    "layer { pooling_param { kernal_size: 2 } }": (
        (1, 25),
        "there is no field 'kernal_size' in layer[0].pooling_param: did you mean 'kernel_size'?",
    ),
    "nam: 'x'": ((1, 1), "there is no field 'nam' in a net's definition: did you mean 'name'?"),
    "layer { Type: 'x' }": ((1, 9), "no field 'Type' in layer[0]: did you mean 'type'?"),
    "layer { kernel_size: 5 }": (
        (1, 9),
        "no field 'kernel_size' in layer[0], it belongs in convolution_param or pooling_param",
    ),
    "layer { axis: 1 }": ((1, 9), "in layer[0], it belongs in accuracy_param or .* or ...$"),
    "layer { dropout_param { ratio: 1 } }": (
        (1, 25),
        "dropout_param: known: dropout_ratio, .*; a fork",
    ),
    "layer { mask_param { } }": ((1, 9), "'mask_param' in layer[0]: a fork of Caffe may"),
    "layer { zzz: 1 }": (
        (1, 9),
        "'zzz' in layer[0]: a fork of Caffe may have it, and --lenient",
    ),
    "layer { blobs_lr: 1 }": ((1, 9), "'blobs_lr' in layer[0]: write param { lr_mult: ... }"),
    "base_lr: 1": (
        (1, 1),
        "'base_lr' in a net's definition, it belongs in a solver's definition: is this the right",
    ),
    # brackets
    "layer {\n  name: 'a'\nlayer {\n}": (
        (3, 1),
        "no field 'layer' in layer[0], it belongs in a net's definition: "
        "is a '}' missing for the layer[0] of line 1?",
    ),
    "layer {\n  lrn_param <\n  name: 'a' }": (
        (3, 3),
        "it belongs in layer[0]: is a '>' missing for the lrn_param of line 2?",
    ),
    "layer {\n  name: 'a'\n": ((2, 9), "the text ends inside layer[0] of line 1, expected '}'"),
    "layer {\n  name: 'a' }\n}": ((3, 1), "'}' is found, expected the name of a field$"),
    "layer {\n  lrn_param <\n }": (
        (3, 2),
        "'}' is found, expected the name of a field or the '>' for line 2",
    ),
    "layer 'x'": ((1, 7), "'x' is found after layer, expected '{'"),
    "layer: 5": ((1, 8), "layer is '5', expected '{'"),
    "name 'x'": ((1, 6), "'x' is found after name, expected ':'"),
    "name { }": ((1, 6), "'{' is found after name, expected ':'"),
    "name:": ((1, 6), "name is the end, expected a string in quotes"),
    "name": ((1, 5), "the end is found after name, expected ':'"),
    "name: ['a', 'b']": ((1, 7), "a list is found for name, expected one value"),
    # values
    "layer { type: Pooling }": ((1, 15), 'expected a string in quotes: did you mean "Pooling"?'),
    "name: {": ((1, 7), "name is '{', expected a string in quotes$"),
    "name: 'x\n'": ((1, 7), "'x is found, expected a closing ' on the same line"),
    'name: "': ((1, 7), '" is found, expected a closing " on the same line'),
    "layer { pooling_param { pool: max } }": (
        (1, 31),
        "pool is 'max', expected one of MAX, AVE, STOCHASTIC, ENSEMBLE_MAX: did you mean MAX?",
    ),
    "state { phase: 'TRAIN' }": ((1, 16), "phase is 'TRAIN', expected .*: did you mean TRAIN?"),
    "state { phase: 7 }": (
        (1, 16),
        "phase is '7', expected one of TRAIN, TEST: a fork may",
    ),
    "layers { type: CONVOLUTON }": ((1, 16), ", ...: did you mean CONVOLUTION?"),
    "layers { type: 'Pooling' }": (
        (1, 16),
        "type is 'Pooling' in layers, expected a name like CONVOLUTION: did you mean layer?",
    ),
    "force_backward: yes": ((1, 17), "force_backward is 'yes', expected true or false"),
    "input_dim: 1.5": ((1, 12), "input_dim is '1.5', expected a whole number from -2147483648"),
    "input_dim: 3000000000": ((1, 12), "expected a whole number from -2147483648 to 2147483647"),
    "input_dim: [1, x]": ((1, 16), "input_dim is 'x', expected a whole number"),
    "layer { convolution_param { num_output: -1 } }": (
        (1, 41),
        "num_output is '-1', expected a whole number from 0 to 4294967295",
    ),
    "input_shape { dim: 99999999999999999999 }": ((1, 20), "whole number from -9223372036854775"),
    "layer { loss_weight: many }": ((1, 22), "loss_weight is 'many', expected a number"),
    "layer { blobs { double_data: ? } }": ((1, 30), "double_data is '\\?', expected a number"),
    "force_backward: 'a\x1b[31m\0": ((1, 17), r"'a\\x1b[31m\\x00 is found, expected a closing"),
    "x" * 99 + ": 1": ((1, 1), f"there is no field '{'x' * 40}...' in a net"),
    # twice
    "name: 'a'\nname: 'b'": ((2, 7), "name is found a second time, expected once: .* in line 1"),
    "state {}\nstate {}": ((2, 7), "state is found a second time, expected once: it is in line 1"),
    "state: {}\nstate: {}": ((2, 8), "state is found a second time"),
    # what protobuf alone knows about
    "[an.extension]: 1": ((1, 5), "there is no field 'extension' in a net"),
    "name: '\\xff'": ((1, 13), "cannot be read: .*decode"),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.items())
def test_what_and_where(text, expected):
    (line, column), message = expected
    pattern = message.replace("[", r"\[").replace("?", r"\?").replace(r"\\?", r"\?")
    with pytest.raises(PrototxtError, match=f"^the.prototxt:{line}:{column}: .*{pattern}") as error:
        parse(text, NetParameter, "the.prototxt")
    assert (error.value.path, error.value.line, error.value.column) == (
        "the.prototxt",
        line,
        column,
    )


def test_a_net_given_as_a_solver():
    with pytest.raises(PrototxtError, match=r":2:1: there is no field 'layer' in a solver's defi"):
        parse("net: 'x'\nlayer {}", SolverParameter)


@pytest.mark.parametrize("given", ["", "max: 1", "max: nan"])
def test_missing_required_field(given):
    text = f"layer {{}}\nlayer {{\n name: 'x'\n clip_param {{ {given} }} }}"
    with pytest.raises(PrototxtError, match=r"x:4:2: min is not found in layer\[1\]\.clip_param"):
        parse(text, NetParameter, "x")


def test_missing_required_field_of_the_message_itself():
    with pytest.raises(PrototxtError, match="1:1: min is not found in the message"):
        parse("max: 1", ClipParameter)


def test_closest_looks_past_case_and_quotes_and_endings():
    assert closest("'Kernel_Size'", ["kernel_size", "stride"]) == "kernel_size"
    assert closest("transpose_param", ["transform_param"]) == ""
    assert closest("convolution", ["convolution_param"]) == "convolution_param"


NAMES = ["layer", "layers", "name", "pool", "pooling_param"]
VALUES = ["MAX", "true", "1", "-1", "1.5e", "'a'"]
FRAGMENTS = st.sampled_from([*NAMES, *VALUES, *":;,.-#{}<>[]\"'\\\0é\n\udcff"])


@pytest.mark.parametrize("value", [r"a\n\\\'\"\t", r"\0\07\1234\377\47\478", r"\x1\x41", r"\u00e9"])
def test_escapes_that_protobuf_knows(value):
    assert bad_escape(f"name: '{value}'") is None


@pytest.mark.parametrize(
    ("value", "column", "found"),
    [
        (r"C:\\x\data", 13, r"\d"),
        (r"\?", 8, r"\?"),
        (r"\8", 8, r"\8"),
        (r"\400", 8, r"\4"),
        (r"\N{DASH}", 8, r"\N"),
        (r"a' 'b\q", 13, r"\q"),
    ],
)
def test_a_backslash_that_escapes_nothing(value, column, found):
    with pytest.raises(PrototxtError) as error:
        parse(f"# '\\q'\nname: '{value}'", NetParameter)
    assert (error.value.line, error.value.column) == (2, column)
    assert f": {found} is found in '" in str(error.value)
    assert str(error.value).endswith(r"a backslash itself is \\, and paths may have / in its place")


@pytest.mark.parametrize(
    ("text", "line"),
    [("namme: 1\nname: 'a\\q'", 1), ("name: '\\q'\nnamme: 1", 1), ("name\n'\\q'", 2)],
)
def test_the_first_mistake_is_reported(text, line):
    with pytest.raises(PrototxtError) as error:
        parse(text, NetParameter)
    assert error.value.line == line


def test_what_protobuf_says_is_cut_short():
    with pytest.raises(PrototxtError) as error:
        parse('""' * 1000, NetParameter)
    assert len(str(error.value)) < 300


def refusal(text):
    """The PrototxtError that ``text`` gets as a net, if any."""
    try:
        parse(text, NetParameter)
    except PrototxtError as error:
        return error
    return None


@settings(max_examples=300)
@given(st.lists(FRAGMENTS, max_size=12).map(" ".join))
def test_any_tokens_are_a_net_or_a_prototxt_error(text):
    error = refusal(text)
    assert error is None or (error.line is not None and error.column is not None)


@given(messages(NetParameter), st.data())
def test_a_damaged_definition_is_a_net_or_a_prototxt_error(net, data):
    text = to_text(net)
    cut = data.draw(st.integers(0, len(text)))
    text = (
        text[:cut]
        + data.draw(st.sampled_from(["", "}", "{", "'", "x", " x ", ":"]))
        + text[cut + 1 :]
    )
    error = refusal(text)
    assert error is None or 1 <= error.line <= text.count("\n") + 1
