"""Printer: numbers and strings as C++ writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicaffe.proto.minicaffe_pb2 import BlobProto, NetParameter, SolverParameter
from minicaffe.proto.printer import printed
from minicaffe.proto.text import parse, to_text


def test_fields_by_number_and_ascii_alone():
    net = parse(
        "layer { name: 'ü\\n' loss_weight: [1, -0.5, 1e-5, 1e20, inf] type: '1.50' "
        "param { lr_mult: 2 } bottom: 'b' clip_param { max: -0.0 min: 10 } "
        "convolution_param { num_output: 1000000 } }",
        NetParameter,
    )
    assert to_text(net) == (
        'layer {\n  name: "\\303\\274\\n"\n  type: "1.50"\n  bottom: "b"\n  loss_weight: 1\n'
        "  loss_weight: -0.5\n  loss_weight: 1e-05\n  loss_weight: 1e+20\n"
        "  loss_weight: inf\n  param {\n    lr_mult: 2\n  }\n"
        "  convolution_param {\n    num_output: 1000000\n  }\n"
        "  clip_param {\n    min: 10\n    max: -0\n  }\n}\n"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (123456, "123456"),
        (1e6, "1e+06"),
        (1234567, "1234567"),
        (0.00390625, "0.00390625"),
        (1 / 255, "0.00392156886"),  # where seven digits would do
        (1 / 256, "0.00390625"),
        (3.4028235e38, "3.40282347e+38"),
        (1e-45, "1.4013e-45"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
    ],
)
def test_a_float_has_six_digits_or_nine(value, text):
    assert printed(SolverParameter(base_lr=value)) == f"base_lr: {text}\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (1 / 3, "0.33333333333333331"), (1e15, "1e+15"), (123456789, "123456789")],
)
def test_a_double_has_fifteen_digits_or_seventeen(value, text):
    assert printed(BlobProto(double_data=[value])) == f"double_data: {text}\n"


@given(st.floats(width=32, allow_nan=False))
def test_floats_are_read_back(value):
    assert parse(printed(SolverParameter(gamma=value)), SolverParameter).gamma == value


@given(st.floats(allow_nan=False))
def test_doubles_are_read_back(value):
    assert list(parse(printed(BlobProto(double_diff=[value])), BlobProto).double_diff) == [value]


@given(st.text(st.characters(codec="utf-8")))
def test_strings_are_read_back(value):
    assert parse(printed(SolverParameter(net=value)), SolverParameter).net == value
