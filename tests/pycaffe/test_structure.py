"""What a net says it is made of."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import minicaffe as caffe
from tests.pycaffe.nets import TESTNET

LAYERS = """
layer { name: "in" type: "Input" top: "x" top: "label"
        input_param { shape { dim: 2 dim: 3 } shape { dim: 2 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y"
        inner_product_param { num_output: 4 } }
layer { name: "relu" type: "ReLU" bottom: "y" top: "y" }
layer { name: "a" type: "InnerProduct" bottom: "y" top: "a"
        inner_product_param { num_output: 3 bias_term: false } }
layer { name: "z" type: "Power" bottom: "y" top: "z" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "a" bottom: "label" loss_weight: 2 }
layer { name: "loss2" type: "EuclideanLoss" bottom: "z" bottom: "y" }
"""
BLOBS = [
    *("x", "label", "y", "y_relu_0_split_0", "y_relu_0_split_1", "y_relu_0_split_2"),
    *("a", "z", "(automatic)", "(automatic)"),
]


@pytest.fixture
def net(written, built_on):
    return caffe.Net(written(LAYERS), caffe.TRAIN)


def test_blobs_in_the_originals_order(net):
    assert net._blob_names == BLOBS
    assert list(net.blobs) == BLOBS[:-1]
    assert isinstance(net.blobs, OrderedDict)
    assert len(net._blobs) == len(BLOBS)


def test_automatic_tops_can_be_read(net):
    net.forward()
    assert net.blobs["(automatic)"].data == 0  # the last of that name
    assert net._blobs[8].data == pytest.approx(1.0986, abs=1e-3)
    assert net.blob_loss_weights["(automatic)"] == 1
    assert net._blob_loss_weights == [0] * 8 + [2, 1]
    assert net._forward(5, 7) == pytest.approx(2 * float(net._blobs[8].data), rel=1e-5)


def test_inputs_and_outputs(net):
    assert (net.inputs, net._inputs) == (["x", "label"], [0, 1])
    assert (net.outputs, net._outputs) == ([], [])


def test_layers(net):
    names = ["in", "ip", "relu", "y_relu_0_split", "a", "z", "loss", "loss2"]
    types = [
        *("Input", "InnerProduct", "ReLU", "Split", "InnerProduct", "Power"),
        *("SoftmaxWithLoss", "EuclideanLoss"),
    ]
    assert list(net._layer_names) == list(net.layer_dict) == names
    assert [layer.type for layer in net.layers] == types
    assert [net.layer_dict[name].type for name in names] == types
    assert [len(layer.blobs) for layer in net.layers] == [0, 2, 0, 0, 1, 0, 0, 0]


def test_params_are_of_layers_that_have_some(net):
    assert list(net.params) == ["ip", "a"]
    assert [blob.shape for blob in net.params["ip"]] == [(4, 3), (4,)]
    net.params["a"][0].data[...] = 8
    assert (net.layers[4].blobs[0].data == 8).all()


def test_who_reads_and_writes_what(net):
    assert net.top_names["relu"] == net.bottom_names["relu"] == ["y"]
    assert net.top_names["loss"] == ["(automatic)"]
    assert net.bottom_names["loss"] == ["a", "label"]
    assert net.top_names["y_relu_0_split"] == [f"y_relu_0_split_{i}" for i in range(3)]
    assert net._bottom_ids(6) == [6, 1]
    assert net._top_ids(7) == [9]
    assert net._bottom_ids(2) == net._top_ids(2) == [2]


def test_what_is_not_there(net):
    for names, found in ((net.blobs, "zz"), (net.params, "ip_"), (net.layer_dict, "relo")):
        assert found not in names
        assert names.get(found) is None
        with pytest.raises(KeyError, match="did you mean"):
            names[found]


def test_says_what_it_is(written):
    assert repr(caffe.Net(written(TESTNET), caffe.TRAIN)) == "<Net 'testnet': 4 layers>"


def test_layers_of_one_name(written, built_on):
    text = LAYERS.replace('"loss2"', '"ip"')
    net = caffe.Net(written(text), caffe.TRAIN)
    assert [name for name in net._layer_names if name == "ip"] == ["ip", "ip"]
    assert len(net.layers) == 8
    assert len(net.layer_dict) == 7
    assert list(net.forward(end="ip")) == ["y"]  # the first of that name counts
