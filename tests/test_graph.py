"""Filtering, names and splits: pure functions on definitions."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from minicaffe.errors import DuplicateBlobError, LayerConfigError, UnknownBlobError
from minicaffe.graph import check_names, filter_layers, insert_splits, prepare
from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN, NetParameter, NetState


def net(text):
    return text_format.Parse(text, NetParameter())


def layer(name, bottom="", top="", rest=""):
    ends = [f'bottom: "{b}"' for b in bottom.split()] + [f'top: "{t}"' for t in top.split()]
    return f'layer {{ name: "{name}" type: "T" {" ".join(ends)} {rest} }} '


def names(definition):
    return [entry.name for entry in definition.layer]


@pytest.mark.parametrize(
    ("rules", "state", "kept"),
    [
        ("", {}, True),
        ("include { phase: TRAIN }", {"phase": TRAIN}, True),
        ("include { phase: TRAIN }", {"phase": TEST}, False),
        ("exclude { phase: TRAIN }", {"phase": TRAIN}, False),
        ("exclude { phase: TRAIN }", {"phase": TEST}, True),
        ("include { phase: TEST } include { stage: 'a' }", {"phase": TRAIN, "stage": ["a"]}, True),
        ("include { min_level: 2 }", {"level": 1}, False),
        ("include { min_level: 2 }", {"level": 2}, True),
        ("include { max_level: 2 }", {"level": 2}, True),
        ("include { max_level: 2 }", {"level": 3}, False),
        ("include { stage: 'a' stage: 'b' }", {"stage": ["a"]}, False),
        ("include { stage: 'a' stage: 'b' }", {"stage": ["b", "c", "a"]}, True),
        ("include { not_stage: 'a' }", {"stage": ["a"]}, False),
        ("include { not_stage: 'a' }", {"stage": ["b"]}, True),
        ("exclude { stage: 'a' } exclude { stage: 'b' }", {"stage": ["b"]}, False),
    ],
)
def test_rules(rules, state, kept):
    definition = net(layer("it", rest=rules))
    assert names(filter_layers(definition, NetState(**state))) == ["it"] * kept
    assert names(definition) == ["it"]  # the argument is not changed


def test_include_and_exclude_do_not_mix():
    text = layer("it", rest="include { phase: TRAIN } exclude { min_level: 1 }")
    with pytest.raises(LayerConfigError, match=r"^layer 'it' \(T\): both include and exclude"):
        filter_layers(net(text), NetState())


def test_the_state_becomes_the_nets():
    assert filter_layers(net(""), NetState(level=3)).state.level == 3


def test_unknown_bottom_suggests_a_name():
    with pytest.raises(
        UnknownBlobError, match=r"layer 'b' \(T\): bottom\[1\] is 'datta', .*'data'"
    ):
        check_names(net(layer("a", "", "data") + layer("b", "data datta")))


def test_an_unknown_bottom_says_how_to_give_an_input():
    with pytest.raises(UnknownBlobError, match=r"the caller fills needs a shape: input_shape, or"):
        check_names(net(layer("a", "data")))


def test_a_bottom_that_comes_later_is_said_to():
    with pytest.raises(UnknownBlobError, match=r"layer 'b' makes it, but comes later"):
        check_names(net(layer("a", "y", "x") + layer("b", "", "y")))


def test_errors_name_the_line():
    definition = net(layer("a", "x"))
    definition.layer[0].origin = "net.prototxt:7"
    with pytest.raises(UnknownBlobError, match=r"^net.prototxt:7: layer 'a'"):
        check_names(definition)


@pytest.mark.parametrize(
    "text",
    [
        layer("a", "", "x") + layer("b", "", "x"),
        layer("a", "", "x y") + layer("b", "x y", "y x"),  # in place, but not at the same index
        layer("a", "", "x x"),
    ],
)
def test_a_second_top_of_one_name_is_refused(text):
    with pytest.raises(
        DuplicateBlobError, match=r"layer '(a|b)' \(T\): top\[.\] is '.', expected a new"
    ):
        check_names(net(text))


def test_in_place_is_no_second_top():
    check_names(net(layer("a", "", "x y") + layer("b", "x y", "x y")))


def test_one_reader_needs_no_split():
    definition = net(layer("a", "", "x") + layer("b", "x", "y"))
    assert insert_splits(definition) == definition


def test_two_readers_get_a_split():
    result = insert_splits(net(layer("a", "", "x y") + layer("b", "y", "z") + layer("c", "y", "w")))
    assert names(result) == ["a", "y_a_1_split", "b", "c"]
    assert list(result.layer[1].top) == ["y_a_1_split_0", "y_a_1_split_1"]
    assert [list(entry.bottom) for entry in result.layer[2:]] == [
        ["y_a_1_split_0"],
        ["y_a_1_split_1"],
    ]


def test_one_layer_may_read_a_blob_twice():
    result = insert_splits(net(layer("a", "", "x") + layer("b", "x x", "y")))
    assert list(result.layer[2].bottom) == ["x_a_0_split_0", "x_a_0_split_1"]


def test_the_last_writer_in_place_is_split():
    text = layer("a", "", "x") + layer("b", "x", "x") + layer("c", "x", "y") + layer("d", "x", "z")
    assert names(insert_splits(net(text))) == ["a", "b", "x_b_0_split", "c", "d"]


def test_a_reader_before_one_that_works_in_place():
    text = layer("a", "", "x") + layer("b", "x", "y") + layer("c", "x", "x") + layer("d", "x", "z")
    result = insert_splits(net(text))
    assert names(result) == ["a", "x_a_0_split", "b", "c", "d"]
    assert list(result.layer[3].top) == ["x"]
    assert list(result.layer[4].bottom) == ["x"]  # what c wrote


def test_a_loss_weight_is_a_use_and_moves_to_the_split():
    text = layer("a", "", "x l", "loss_weight: 0 loss_weight: 3") + layer("b", "l", "y")
    result = insert_splits(net(text))
    assert names(result) == ["a", "l_a_1_split", "b"]
    assert list(result.layer[0].loss_weight) == [0, 0]
    assert list(result.layer[1].loss_weight) == [3, 0]
    assert list(result.layer[2].bottom) == ["l_a_1_split_1"]


def test_prepare_filters_before_it_splits():
    text = (
        layer("a", "", "x")
        + layer("b", "x", "y", "include { phase: TRAIN }")
        + layer("c", "x", "z")
    )
    assert names(prepare(net(text), NetState(phase=TEST))) == ["a", "c"]
