"""Phases: two definitions as one that is each of them in its phase."""

from __future__ import annotations

import pytest

from minicaffe.errors import PrototxtError
from minicaffe.graph import filter_layers
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetParameter, NetState
from minicaffe.proto.phases import merge
from minicaffe.proto.text import parse, to_text

TRAINED = """
name: "a" state { phase: TRAIN }
layer { name: "data" top: "data" data_param { batch_size: 64 } }
layer { name: "mirror" bottom: "data" top: "mirror" include { stage: "x" } include { phase: TEST } }
layer { name: "conv" bottom: "data" top: "conv" }
layer { name: "drop" bottom: "conv" top: "conv" exclude { stage: "y" } }
layer { name: "never" include { phase: TEST } }
layer { name: "loss" bottom: "conv" top: "loss" }
"""
TESTED = """
name: "b" state { phase: TEST }
layer { name: "data" top: "data" data_param { batch_size: 100 } }
layer { name: "conv" bottom: "data" top: "conv" }
layer { name: "loss" bottom: "conv" top: "loss" }
layer { name: "accuracy" bottom: "conv" top: "accuracy" }
"""


def net(text):
    return parse(text, NetParameter, "p")


def layers(definition, **state):
    found = filter_layers(definition, NetState(**state))
    for layer in found.layer:
        del layer.include[:]
        del layer.exclude[:]
    return [to_text(layer) for layer in found.layer]


@pytest.mark.parametrize("stage", [[], ["x"], ["y"], ["x", "y"]])
def test_each_phase_is_what_it_was(stage):
    merged = merge(net(TRAINED), net(TESTED))
    for text, phase in ((TRAINED, TRAIN), (TESTED, TEST)):
        assert layers(merged, phase=phase, stage=stage) == layers(
            net(text), phase=phase, stage=stage
        )


def test_the_rules():
    merged = merge(net(TRAINED), net(TESTED))
    assert [layer.name for layer in merged.layer] == [
        *("data", "mirror", "data", "conv", "drop", "loss", "accuracy"),
    ]
    assert (merged.name, merged.HasField("state")) == ("a", False)
    train, mirror, test, conv, drop, loss, accuracy = merged.layer
    assert [rule.phase for rule in train.include] == [TRAIN]
    assert [(rule.phase, [*rule.stage]) for rule in mirror.include] == [(TRAIN, ["x"])]
    assert [rule.phase for rule in test.include] == [TEST]
    assert not conv.include
    assert drop.exclude[1].phase == TEST
    assert not loss.include
    assert accuracy.include[0].phase == TEST
    assert conv.origin == "p:5"


def test_equal_definitions_stay():
    assert to_text(merge(net(TESTED), net(TESTED))) == to_text(net(TESTED)).replace(
        "state {\n  phase: TEST\n}\n", ""
    )


def test_what_cannot_be_in_one():
    with pytest.raises(PrototxtError, match="force_backward is not the same for both phases"):
        merge(net("force_backward: true"), net(""))
    with pytest.raises(PrototxtError, match="state is not the same"):
        merge(net("state { level: 1 }"), net(""))
