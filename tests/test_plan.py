"""How a net is run, as it is shown."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from minicaffe.device import cpu
from minicaffe.net import Net
from minicaffe.plan import bodies_text, plan
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetParameter, NetState

TEXT = """
layer { name: "in" type: "Input" top: "in" input_param { shape { dim: 3 dim: 4 dim: 20 dim: 24 } } }
layer { name: "to" type: "Input" top: "to" include { phase: TRAIN }
  input_param { shape { dim: 3 } } }
layer { name: "a" type: "Convolution" bottom: "in" top: "a"
  convolution_param { num_output: 8 kernel_size: 1 weight_filler { type: "xavier" } } }
layer { name: "norm" type: "BatchNorm" bottom: "a" top: "a" }
layer { name: "scale" type: "Scale" bottom: "a" top: "a" }
layer { name: "b" type: "Convolution" bottom: "a" top: "b"
  convolution_param { num_output: 8 kernel_size: 1 weight_filler { type: "xavier" } } }
layer { name: "tanh" type: "TanH" bottom: "b" top: "c" }
layer { name: "ip" type: "InnerProduct" bottom: "c" top: "ip"
  inner_product_param { num_output: 7 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "to" top: "loss"
  include { phase: TRAIN } }
"""


def made(phase):
    return plan(Net(text_format.Parse(TEXT, NetParameter()), NetState(phase=phase), cpu(0)))


def test_training():
    found = made(TRAIN)
    assert [(stage.layers, stage.types) for stage in found.stages[2:4]] == [
        (["a"], ["Convolution"]),
        (["norm", "scale"], ["BatchNorm", "Scale"]),
    ]
    tops = {top.name: top for stage in found.stages for top in stage.tops}
    # where something lies that backward has done with
    assert tops["a"].diff in (tops["b"].data, tops["c"].data, tops["c"].diff)
    assert tops["a"].diff not in (tops["a"].data, tops["b"].diff)
    assert tops["in"].diff is tops["in"].data is tops["loss"].data is tops["loss"].diff is None
    assert found.saved > 0
    planes, items = 3 * 8 * 480, 4  # elements of a, b and c; bytes
    assert found.arena + found.saved == items * (6 * planes + 21 + planes + 21)


def test_inference():
    found = made(TEST)
    tops = {top.name: top for stage in found.stages for top in stage.tops}
    assert tops["a"].data == tops["c"].data != tops["b"].data
    assert tops["in"].data is tops["ip"].data is None  # the caller's
    assert all(top.diff is None for top in tops.values())
    assert found.saved > 0


@pytest.mark.parametrize(
    ("bodies", "text"),
    [
        ({}, ""),
        ({"forward": "winograd"}, "winograd"),
        ({"forward": "columns", "data gradient": "columns"}, "columns"),
        (
            {"forward": "winograd", "data gradient": "columns"},
            "forward winograd, data gradient columns",
        ),
    ],
)
def test_bodies(bodies, text):
    assert bodies_text(bodies) == text
