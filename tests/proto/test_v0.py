"""V0: the layers of 2013."""

from __future__ import annotations

import pytest
from hypothesis import given

from minicaffe.errors import PrototxtError
from minicaffe.proto import v0
from minicaffe.proto.fields import copy
from minicaffe.proto.minicaffe_pb2 import NetParameter, V0LayerParameter, V1LayerParameter
from minicaffe.proto.text import parse, to_text
from tests.proto.messages import messages


def net(text):
    return parse(text, NetParameter, "f")


def upgraded(text):
    before = net(text)
    untouched = copy(before)
    after, complaints = v0.v0_to_v1(before)
    assert before == untouched
    assert not v0.has_v0(after)
    return after, complaints


def layer(old, around=""):
    """What becomes of a layer, as text, and the complaints."""
    after, complaints = upgraded(f"layers {{ layer {{ {old} }} {around} }}")
    return to_text(after), complaints


FIELDS = {
    "conv": (
        "num_output: 3 biasterm: false weight_filler { type: 'x' } bias_filler { value: 1 } pad: 2 "
        "kernelsize: 5 group: 2 stride: 4",
        "CONVOLUTION",
        "convolution_param { num_output: 3 bias_term: false weight_filler { type: 'x' } "
        "bias_filler { value: 1 } pad: 2 kernel_size: 5 group: 2 stride: 4 }",
    ),
    "innerproduct": (
        "num_output: 3 biasterm: true weight_filler { std: 1 } bias_filler { }",
        "INNER_PRODUCT",
        "inner_product_param { num_output: 3 bias_term: true weight_filler { std: 1 } "
        "bias_filler { } }",
    ),
    "pool": (
        "pad: 1 kernelsize: 3 stride: 2 pool: STOCHASTIC",
        "POOLING",
        "pooling_param { pad: 1 kernel_size: 3 stride: 2 pool: STOCHASTIC }",
    ),
    "dropout": ("dropout_ratio: 0.25", "DROPOUT", "dropout_param { dropout_ratio: 0.25 }"),
    "lrn": (
        "local_size: 3 alpha: 2 beta: 0.5 k: 4",
        "LRN",
        "lrn_param { local_size: 3 alpha: 2 beta: 0.5 k: 4 }",
    ),
    "data": (
        "source: 's' batchsize: 6 rand_skip: 7 scale: 2 meanfile: 'm' cropsize: 8 mirror: true",
        "DATA",
        "data_param { source: 's' batch_size: 6 rand_skip: 7 } "
        "transform_param { scale: 2 mean_file: 'm' crop_size: 8 mirror: true }",
    ),
    "images": (
        "source: 's' batchsize: 6 rand_skip: 7 shuffle_images: true new_height: 9 new_width: 10",
        "IMAGE_DATA",
        "image_data_param { source: 's' batch_size: 6 rand_skip: 7 shuffle: true new_height: 9 "
        "new_width: 10 }",
    ),
    "window_data": (
        "source: 's' batchsize: 6 det_fg_threshold: 0.1 det_bg_threshold: 0.2 "
        "det_fg_fraction: 0.3 det_context_pad: 4 det_crop_mode: 'square' cropsize: 5",
        "WINDOW_DATA",
        "window_data_param { source: 's' batch_size: 6 fg_threshold: 0.1 bg_threshold: 0.2 "
        "fg_fraction: 0.3 context_pad: 4 crop_mode: 'square' } transform_param { crop_size: 5 }",
    ),
    "hdf5_data": (
        "source: 's' batchsize: 6",
        "HDF5_DATA",
        "hdf5_data_param { source: 's' batch_size: 6 }",
    ),
    "hdf5_output": (
        "hdf5_output_param { file_name: 'f' }",
        "HDF5_OUTPUT",
        "hdf5_output_param { file_name: 'f' }",
    ),
    "infogain_loss": ("source: 's'", "INFOGAIN_LOSS", "infogain_loss_param { source: 's' }"),
    "concat": ("concat_dim: 2", "CONCAT", "concat_param { concat_dim: 2 }"),
    "relu": ("scale: 2 new_num: 3 new_channels: 4", "RELU", "transform_param { scale: 2 }"),
}
OTHERS = (
    "accuracy bnll euclidean_loss flatten im2col multinomial_logistic_loss sigmoid softmax "
    "softmax_loss split tanh"
)


@pytest.mark.parametrize("kind", FIELDS)
def test_fields_of_a_type(kind):
    old, name, new = FIELDS[kind]
    both = "blobs_lr: [1, 2] weight_decay: [1, 0] blobs { num: 1 data: 3 }"
    text, complaints = layer(
        f"name: 'a' type: '{kind}' {old} {both}", "bottom: 'x' top: 'y' top: 'z'"
    )
    assert text == to_text(
        net(f"layers {{ name: 'a' type: {name} bottom: 'x' top: 'y' top: 'z' {both} {new} }}")
    )
    assert complaints == []


@pytest.mark.parametrize("kind", OTHERS.split())
def test_types_without_fields(kind):
    assert layer(f"type: '{kind}'") == (to_text(net(f"layers {{ type: {kind.upper()} }}")), [])


def test_no_type_of_v0_is_forgotten():
    assert set(v0.TYPES) == set(FIELDS) | set(OTHERS.split())


def test_every_field_of_v0_has_its_place():
    fields = set(V0LayerParameter.DESCRIPTOR.fields_by_name)
    assert fields == set(v0.PLACES) | {*v0._SAME, *v0._UNUSED}
    for place in v0.PLACES.values():
        assert set(place.messages) <= set(v0.TYPES) | {""}
        for message in place.messages.values():
            known = V1LayerParameter.DESCRIPTOR.fields_by_name[message].message_type
            assert not place.name or place.name in known.fields_by_name


def test_a_field_that_its_type_does_not_have():
    text, complaints = layer("name: 'r' type: 'relu' num_output: 3 kernelsize: 2 stride: 1")
    assert text == to_text(net("layers { name: 'r' type: RELU }"))
    assert complaints == [
        f"Unknown parameter {field} for layer type relu (layer 'r', f:1)"
        for field in ("num_output", "kernelsize", "stride")
    ]


def test_a_layer_without_a_type():
    assert layer("name: 'a' pad: 1") == (
        to_text(net("layers { name: 'a' }")),
        ["Unknown parameter pad for layer type  (layer 'a', f:1)"],
    )


def test_an_unknown_type():
    with pytest.raises(PrototxtError, match=r"^f:1: layer 'a' is of type 'cnov', .* mean 'conv'"):
        upgraded("layers { layer { name: 'a' type: 'cnov' } }")


PADDED = """
    input: "x"
    layers { layer { name: "p1" type: "padding" pad: 2 } bottom: "x" top: "p1" }
    layers { layer { name: "c" type: "conv" kernelsize: 5 pad: 9 } bottom: "p1" top: "c" }
    layers { layer { name: "r" type: "relu" } bottom: "c" top: "c" }
    layers { layer { name: "p2" type: "padding" pad: 1 } bottom: "c" top: "p1" }
    layers { layer { name: "m" type: "pool" } bottom: "p1" top: "m" }
    layers { layer { name: "a" type: "pool" pad: 3 } bottom: "c" top: "a" }
    layers { layer { name: "unread" type: "padding" } bottom: "a" bottom: "m" }
    layers { layer { name: "p1 again" type: "split" } bottom: "a" top: "p1" }
    layers { layer { name: "s" type: "tanh" } bottom: "p1" top: "t" }
"""


def test_padding_becomes_the_pad_of_what_reads_it():
    after, complaints = upgraded(PADDED)
    assert to_text(after) == to_text(
        net("""
        input: "x"
        layers { name: "c" type: CONVOLUTION bottom: "x" top: "c"
          convolution_param { kernel_size: 5 pad: 2 } }
        layers { name: "r" type: RELU bottom: "c" top: "c" }
        layers { name: "m" type: POOLING bottom: "c" top: "m" pooling_param { pad: 1 } }
        layers { name: "a" type: POOLING bottom: "c" top: "a" pooling_param { pad: 3 } }
        layers { name: "p1 again" type: SPLIT bottom: "a" top: "p1" }
        layers { name: "s" type: TANH bottom: "p1" top: "t" }
        """)
    )
    assert complaints == []
    assert [layer.origin for layer in after.layers] == [f"f:{n}" for n in (4, 5, 7, 8, 10, 11)]


@pytest.mark.parametrize(
    ("padding", "reader", "message"),
    [
        ('bottom: "x" top: "p"', 'layer { name: "r" type: "relu" } bottom: "p"', "layer 'r' reads"),
        (
            'bottom: "x" top: "p"',
            'layer { name: "q" type: "padding" } bottom: "p" top: "q"',
            "f:2: layer 'q' reads padding layer 'p', expected type conv or pool with that one",
        ),
        (
            'bottom: "x" top: "p"',
            'layer { name: "c" type: "conv" } bottom: "x" bottom: "p"',
            "layer 'c' reads padding layer 'p'",
        ),
        ('top: "p"', 'layer { type: "conv" } bottom: "p"', "'p' pads: 0 bottom and 1 top are"),
        (
            'bottom: "x" top: "p" top: "q"',
            'layer { type: "conv" } bottom: "q"',
            "'p' pads: 1 bottom and 2 top are found, expected one of each",
        ),
    ],
)
def test_padding_that_cannot_be_folded(padding, reader, message):
    with pytest.raises(PrototxtError, match=message):
        upgraded(
            f'layers {{ layer {{ name: "p" type: "padding" pad: 1 }} {padding} }}\n'
            f"layers {{ {reader} }}"
        )


def test_all_else_in_the_net_stays():
    text = """
        name: "n" input: "x" input_dim: 1 input_shape { dim: 2 } force_backward: true
        state { level: 3 } debug_info: true
        layers { name: "v1" type: RELU blobs_lr: 1 relu_param { negative_slope: 2 } } %s
    """
    after, _ = upgraded(text % "layers { layer { name: 'v0' type: 'tanh' } }")
    assert to_text(after) == to_text(net(text % "layers { name: 'v0' type: TANH }"))


@given(messages(NetParameter))
def test_any_net_is_upgraded_or_refused(before):
    try:
        after, _ = v0.v0_to_v1(before)
    except PrototxtError:
        return
    assert not v0.has_v0(after)
