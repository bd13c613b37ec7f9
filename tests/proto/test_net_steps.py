"""Steps of the upgrade, each by itself."""

from __future__ import annotations

import pytest

from minicaffe.errors import PrototxtError
from minicaffe.proto import net_steps
from minicaffe.proto.fields import copy
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.proto.text import parse, to_text


def net(text):
    return parse(text, NetParameter, "f")


def pure(step, before):
    """What ``step`` makes of ``before``, which it must not touch."""
    untouched = copy(before)
    after = step(before)
    assert before == untouched
    return after


def same(a, b):
    """Whether two definitions are the same but for where they were read."""
    return to_text(a) == to_text(b)


def test_transform_fields_move():
    after = pure(
        net_steps.move_transform_fields,
        net("""
            layer { name: "a" type: "Data" data_param {
              source: "db" batch_size: 2 scale: 0.5 mean_file: "m" crop_size: 4 mirror: false } }
            layer { name: "b" type: "ImageData" image_data_param { crop_size: 3 new_height: 2 }
              transform_param { mirror: true } }
            layer { name: "c" type: "WindowData" window_data_param { mirror: true crop_mode: "x" } }
            layer { name: "d" type: "Data" data_param { source: "db" } }
            layer { name: "e" type: "Mine" data_param { scale: 2 } }
        """),
    )
    assert same(
        after,
        net("""
            layer { name: "a" type: "Data" data_param { source: "db" batch_size: 2 }
              transform_param { scale: 0.5 mean_file: "m" crop_size: 4 mirror: false } }
            layer { name: "b" type: "ImageData" image_data_param { new_height: 2 }
              transform_param { mirror: true crop_size: 3 } }
            layer { name: "c" type: "WindowData" window_data_param { crop_mode: "x" }
              transform_param { mirror: true } }
            layer { name: "d" type: "Data" data_param { source: "db" } }
            layer { name: "e" type: "Mine" data_param { scale: 2 } }
        """),
    )


def test_transform_fields_may_be_given_twice_but_not_differently():
    both = 'layer { name: "a" type: "Data" data_param { scale: 2 } transform_param { scale: %s } }'
    after = pure(net_steps.move_transform_fields, net(both % 2))
    assert after.layer[0].transform_param.scale == 2
    with pytest.raises(
        PrototxtError,
        match=r"^f:2: scale of layer 'a' is 2.0 in data_param and 3.0 in transform_param, expected",
    ):
        net_steps.move_transform_fields(net("\n" + both % 3))


def test_transform_fields_of_v1_move_over_those_of_today():
    after = pure(
        net_steps.move_transform_fields_of_v1,
        net("""
            layers { name: "a" type: DATA transform_param { scale: 3 crop_size: 5 }
              data_param { source: "db" scale: 0.5 mirror: true mean_file: "m" } }
            layers { name: "b" type: IMAGE_DATA image_data_param { crop_size: 3 source: "s" } }
            layers { name: "c" type: RELU data_param { scale: 2 } }
            layer { name: "d" type: "Data" data_param { scale: 2 } }
        """),
    )
    assert same(
        after,
        net("""
            layers { name: "a" type: DATA data_param { source: "db" }
              transform_param { scale: 0.5 crop_size: 5 mirror: true mean_file: "m" } }
            layers { name: "b" type: IMAGE_DATA image_data_param { source: "s" }
              transform_param { crop_size: 3 } }
            layers { name: "c" type: RELU data_param { scale: 2 } }
            layer { name: "d" type: "Data" data_param { scale: 2 } }
        """),
    )
    assert net_steps.move_transform_fields_of_v1(after) is after


def test_one_old_field_gives_all_that_reads_data_a_transform_param():
    """As in the original, whose text this is to be."""
    old, new = "layers { type: %s %s }", "layers { type: %s transform_param { %s } %s { } }"
    after = net_steps.move_transform_fields_of_v1(
        net(
            old % ("DATA", "")
            + old % ("WINDOW_DATA", "window_data_param { mirror: true }")
            + old % ("IMAGE_DATA", "")
        )
    )
    assert same(
        after,
        net(
            new % ("DATA", "", "data_param")
            + new % ("WINDOW_DATA", "mirror: true", "window_data_param")
            + new % ("IMAGE_DATA", "", "image_data_param")
        ),
    )


@pytest.mark.parametrize(
    "shapes",
    [
        "input_shape { dim: [1, 2, 3, 4] } input_shape { dim: [5, 6, 7, 8] }",
        "input_dim: [1, 2, 3, 4, 5, 6, 7, 8]",
        "input_dim: [9, 9, 9] input_shape { dim: [1, 2, 3, 4] } input_shape { dim: [5, 6, 7, 8] }",
    ],
)
def test_inputs_become_the_first_layer(shapes):
    after = pure(
        net_steps.inputs_to_layer,
        net(f'name: "n" input: ["x", "y"] {shapes} layer {{ name: "a" }} state {{ level: 1 }}'),
    )
    assert same(
        after,
        net("""
            name: "n"
            layer { name: "input" type: "Input" top: ["x", "y"]
              input_param { shape { dim: [1, 2, 3, 4] } shape { dim: [5, 6, 7, 8] } } }
            layer { name: "a" }
            state { level: 1 }
        """),
    )
    assert [layer.origin for layer in after.layer] == ["f", "f:1"]


@pytest.mark.parametrize(
    ("shapes", "ignored"),
    [
        ("input_dim: [1, 2, 3, 4, 5, 6]", "6 input_dim are found for 1 input: the last 2 are"),
        (
            "input_shape { dim: [1, 2, 3, 4] } input_shape {}",
            "2 input_shape are found for 1 input: the last 1 are",
        ),
    ],
)
def test_shapes_without_an_input_are_ignored(shapes, ignored, caplog):
    after = pure(net_steps.inputs_to_layer, net(f"input: 'x' {shapes}"))
    assert same(
        after,
        net(
            "layer { name: 'input' type: 'Input' top: 'x' "
            "input_param { shape { dim: [1, 2, 3, 4] } } }"
        ),
    )
    assert ignored in caplog.text


@pytest.mark.parametrize("text", ["input_dim: [1, 2, 3, 4]", "input_shape { }"])
def test_shapes_of_no_input_are_left_alone(text):
    before = net(text)
    assert net_steps.inputs_to_layer(before) is before


def test_an_input_alone_has_no_origin_to_take():
    after = net_steps.inputs_to_layer(net("input: 'x' input_shape { dim: 1 }"))
    assert not after.layer[0].HasField("origin")


def test_an_input_of_any_number_of_axes():
    after = net_steps.inputs_to_layer(net("input: 'x' input_shape { dim: [7, 9] }"))
    assert list(after.layer[0].input_param.shape[0].dim) == [7, 9]


def test_inputs_without_shapes_are_dropped():
    after = pure(net_steps.inputs_to_layer, net("input: ['x', 'y'] layer { name: 'd' top: 'x' }"))
    assert same(after, net("layer { name: 'd' top: 'x' }"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input: 'x' input_dim: [1, 2, 3]", r"^3 input_dim and 1 input are found, expected four"),
        ("input: ['x', 'y'] input_shape { }", r"^1 input_shape and 2 input are found"),
    ],
)
def test_inputs_with_too_few_shapes(text, message):
    with pytest.raises(PrototxtError, match=message):
        net_steps.inputs_to_layer(net(text))


def test_batch_norm_with_three_params_is_frozen():
    after = pure(
        net_steps.freeze_batch_norm,
        net("""
            layer { type: "BatchNorm" param { name: "m" lr_mult: 1 } param {} param { lr_mult: 0 } }
            layer { type: "BatchNorm" param {} param {} }
            layer { type: "BatchNorm" param { lr_mult: 1 } param {} param {} param {} }
            layer { type: "Scale" param {} param {} param {} }
        """),
    )
    frozen = "lr_mult: 0 decay_mult: 0"
    assert same(
        after,
        net(f"""
            layer {{ type: "BatchNorm"
              param {{ name: "m" {frozen} }} param {{ {frozen} }} param {{ {frozen} }} }}
            layer {{ type: "BatchNorm" param {{}} param {{}} }}
            layer {{ type: "BatchNorm" param {{ lr_mult: 1 }} param {{}} param {{}} param {{}} }}
            layer {{ type: "Scale" param {{}} param {{}} param {{}} }}
        """),
    )
