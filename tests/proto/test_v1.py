"""V1: the layers of 2014."""

from __future__ import annotations

import pytest

from minicaffe.errors import PrototxtError
from minicaffe.proto import v1
from minicaffe.proto.fields import copy
from minicaffe.proto.minicaffe_pb2 import LayerParameter, NetParameter, V1LayerParameter
from minicaffe.proto.text import parse, to_text


def net(text):
    return parse(text, NetParameter, "f")


def upgraded(text):
    before = net(text)
    untouched = copy(before)
    after = v1.layers_to_layer(before)
    assert before == untouched
    return after


def test_every_type_has_its_name_of_today():
    assert set(v1.TYPES) == set(V1LayerParameter.LayerType.values())
    names = {V1LayerParameter.LayerType.Name(old): new for old, new in v1.TYPES.items()}
    alike = {old: new for old, new in names.items() if old.replace("_", "").lower() == new.lower()}
    assert names.keys() - alike.keys() == {"NONE", "SOFTMAX_LOSS"}
    assert (names["NONE"], names["SOFTMAX_LOSS"]) == ("", "SoftmaxWithLoss")


def test_every_other_field_has_its_place():
    old = {field.name: field for field in V1LayerParameter.DESCRIPTOR.fields}
    new = LayerParameter.DESCRIPTOR.fields_by_name
    carried = old.keys() - {"type", "layer", *v1.PARAM_SPEC}
    assert all(old[name].message_type == new[name].message_type for name in carried)
    assert all(old[name].is_repeated == new[name].is_repeated for name in carried)


def test_layers_in_their_order_with_all_that_is_in_them():
    after = upgraded("""
        name: "n" force_backward: true input: "x" input_dim: 4
        layers { name: "c" type: CONVOLUTION bottom: "x" top: "y" top: "z" loss_weight: [1, 2]
          include { phase: TRAIN } exclude { stage: "s" } blobs { data: [1, 2] }
          convolution_param { num_output: 3 } }
        layers { name: "i" type: IM2COL }
        layers { name: "untyped" }
    """)
    assert to_text(after) == to_text(
        net("""
        name: "n" force_backward: true input: "x" input_dim: 4
        layer { name: "c" type: "Convolution" bottom: "x" top: "y" top: "z" loss_weight: [1, 2]
          include { phase: TRAIN } exclude { stage: "s" } blobs { data: [1, 2] }
          convolution_param { num_output: 3 } }
        layer { name: "i" type: "Im2col" }
        layer { name: "untyped" }
        """)
    )
    assert [layer.origin for layer in after.layer] == ["f:3", "f:6", "f:7"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("blobs_lr: [1, 2]", "param { lr_mult: 1 } param { lr_mult: 2 }"),
        (
            "blobs_lr: 1 weight_decay: [0, 3]",
            "param { lr_mult: 1 decay_mult: 0 } param { decay_mult: 3 }",
        ),
        ("param: ['w', 'b']", "param { name: 'w' } param { name: 'b' }"),
        (
            "param: 'w' blob_share_mode: [PERMISSIVE, STRICT] blobs_lr: [1, 2, 0]",
            "param { name: 'w' share_mode: PERMISSIVE lr_mult: 1 } "
            "param { share_mode: STRICT lr_mult: 2 } param { lr_mult: 0 }",
        ),
    ],
)
def test_four_lists_become_one_of_params(old, new):
    assert to_text(upgraded(f"layers {{ {old} }}")) == to_text(net(f"layer {{ {new} }}"))


def test_a_net_without_layers_of_old_is_returned_itself():
    before = net("layer { name: 'a' }")
    assert v1.layers_to_layer(before) is before


def test_layers_and_layer_together():
    with pytest.raises(PrototxtError, match=r"^f:3: both layers .* among the 1 is not known"):
        upgraded("layer {}\n\nlayers {} layers {}")
