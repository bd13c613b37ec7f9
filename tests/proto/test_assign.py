"""Assign: what Python values fields take, and what is refused."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from minicaffe.errors import PrototxtError
from minicaffe.proto.assign import FieldValueError, UnknownFieldError, assign
from minicaffe.proto.minicaffe_pb2 import (
    TEST,
    BlobShape,
    FillerParameter,
    LayerParameter,
    PoolingParameter,
)


def layer(**fields):
    message = LayerParameter()
    for name, value in fields.items():
        assign(message, name, value)
    return message


def test_a_dict_is_a_message():
    found = layer(convolution_param={"num_output": 3, "weight_filler": {"type": "xavier"}})
    assert found.convolution_param.num_output == 3
    assert found.convolution_param.weight_filler.type == "xavier"


def test_an_empty_dict_sets_nothing_but_counts_in_a_list():
    assert not layer(relu_param={}).HasField("relu_param")
    assert len(layer(include={}).include) == 1
    assert len(layer(include=[{}, {}]).include) == 2
    assert not layer(include=[]).include


def test_a_message_stands_for_its_dict():
    filler = FillerParameter(type="msra")
    found = layer(convolution_param={"weight_filler": filler}, relu_param=layer().relu_param)
    assert found.convolution_param.weight_filler == filler
    assert found.HasField("relu_param")
    assert [*layer(input_param={"shape": BlobShape(dim=[2, 3])}).input_param.shape[0].dim] == [2, 3]


@pytest.mark.parametrize(
    "value", [[3, 5], (3, 5), range(3, 6, 2), np.array([3, 5]), (n for n in (3, 5))]
)
def test_a_list_is_any_sequence(value):
    assert [*layer(convolution_param={"kernel_size": value}).convolution_param.kernel_size] == [
        3,
        5,
    ]


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.float32(3), np.array(3), True + 2])
def test_one_value_is_a_list_of_one(value):
    assert [*layer(convolution_param={"kernel_size": value}).convolution_param.kernel_size] == [3]


def test_repeated_fields_go_on():
    message = layer(bottom="a")
    assign(message, "bottom", ["b", "c"])
    assert [*message.bottom] == ["a", "b", "c"]


@pytest.mark.parametrize("value", ["AVE", 1, np.int32(1), PoolingParameter.AVE])
def test_enums_by_name_and_by_number(value):
    assert layer(pooling_param={"pool": value}).pooling_param.pool == PoolingParameter.AVE


def test_none_leaves_a_field_unset():
    message = layer(name=None, convolution_param={"num_output": 2, "bias_filler": None}, param=None)
    assert [field.name for field, _ in message.ListFields()] == ["convolution_param"]
    assert not message.convolution_param.HasField("bias_filler")


def test_numbers_strings_and_bools():
    found = layer(
        loss_weight=[Fraction(1, 2), np.float64(0.25), True],
        data_param={"source": Path("a") / "b", "mirror": 1, "prefetch": 4.0},
        name=b"bytes",
        phase=TEST,
    )
    assert [*found.loss_weight] == [0.5, 0.25, 1]
    assert (found.data_param.source, found.data_param.mirror) == (str(Path("a/b")), True)
    assert (found.name, found.phase) == ("bytes", TEST)
    assert math.isinf(layer(loss_weight=float("inf")).loss_weight[0])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"nam": "x"}, r"^there is no field 'nam' in LayerParameter: did you mean 'name'\?$"),
        ({"mean_value": 1}, "in LayerParameter: it belongs in transform_param, a dict"),
        ({"pooling_param": {"pol": 1}}, "no field 'pol' in pooling_param: did you mean 'pool'"),
        (
            {"convolution_param": {"weight_filler": {"zzz": 1}}},
            "no field 'zzz' in convolution_param.weight_filler: known: file, max, mean, ",
        ),
    ],
)
def test_an_unknown_field(fields, message):
    with pytest.raises(UnknownFieldError, match=message) as caught:
        layer(**fields)
    assert isinstance(caught.value, AttributeError)
    assert isinstance(caught.value, PrototxtError)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": 3}, "name is 3, expected a string"),
        ({"name": b"\xff"}, r"name is b'\\xff', expected a string"),
        ({"name": "\ud800"}, "expected a string"),
        ({"pooling_param": {"pool": "MXA"}}, "pool is 'MXA', expected one of MAX, AVE, STOCHASTIC"),
        ({"pooling_param": {"pool": "max"}}, "did you mean 'MAX'"),
        ({"pooling_param": {"pool": 9}}, "pool is 9, expected one of"),
        ({"pooling_param": {"pool": True}}, "pool is True, expected one of"),
        ({"pooling_param": {"pad": -1}}, "pooling_param.pad is -1, expected a whole number from 0"),
        ({"pooling_param": {"pad": 1.5}}, "is 1.5, expected a whole number"),
        ({"pooling_param": {"pad": "1"}}, "is '1', expected a whole number"),
        ({"pooling_param": {"pad": [1, 2]}}, r"is \[1, 2\], expected a whole number"),
        ({"pooling_param": {"pad": np.arange(2)}}, "expected a whole number"),
        ({"pooling_param": {"pad": float("nan")}}, "is nan, expected a whole number"),
        ({"loss_weight": "1"}, "loss_weight is '1', expected a number"),
        ({"propagate_down": "true"}, "is 'true', expected true or false"),
        ({"propagate_down": 1.0}, "is 1.0, expected true or false"),
        ({"pooling_param": 3}, "is 3, expected a dict of the fields of PoolingParameter"),
        ({"pooling_param": [{"pad": 1}]}, "expected a dict of the fields"),
        ({"include": ["TRAIN"]}, "include is 'TRAIN', expected a dict"),
        ({"name": ["x" * 99]}, r"is \['xxx.*\.\.\., expected a string"),
    ],
)
def test_a_value_that_the_field_cannot_hold(fields, message):
    with pytest.raises(FieldValueError, match=message) as caught:
        layer(**fields)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)
