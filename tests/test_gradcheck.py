"""Gradient checks of whole nets: all layers are reached, wrong ones are found."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.errors import NetError
from minicaffe.gradcheck import check_net, fill_inputs
from minicaffe.layers.relu import ReLU
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import TRAIN, NetParameter, NetState

TEXT = """
layer { name: "in" type: "Input" top: "x" top: "t"
  input_param { shape { dim: 5 dim: 2 dim: 7 dim: 6 } shape { dim: 5 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "c"
  convolution_param { num_output: 3 kernel_size: 2 } }
layer { name: "relu" type: "ReLU" bottom: "c" top: "c" }
layer { name: "pool" type: "Pooling" bottom: "c" top: "p" pooling_param { kernel_size: 2 } }
layer { name: "drop" type: "Dropout" bottom: "p" top: "p" }
layer { name: "ip" type: "InnerProduct" bottom: "p" top: "y"
  param { lr_mult: 1 } param { lr_mult: 0 } inner_product_param { num_output: 4 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "y" bottom: "t" loss_weight: 3 top: "l" }
layer { name: "accuracy" type: "Accuracy" bottom: "y" bottom: "t" top: "a" }
"""


def make(device, dtype=np.float64):
    net = text_format.Parse(TEXT, NetParameter())
    return Net(net, NetState(phase=TRAIN), device, dtype)


def test_every_layer_is_checked_and_right(device):
    results = list(check_net(make(device)))
    names = [(result.layer, result.blob) for result in results if result.blob]
    assert names == [
        ("t_in_1_split", "bottom[0]"),
        ("conv", "bottom[0]"),
        ("conv", "blobs[0]"),
        ("conv", "blobs[1]"),
        ("relu", "bottom[0]"),
        ("pool", "bottom[0]"),
        ("drop", "bottom[0]"),
        ("ip", "bottom[0]"),
        ("ip", "blobs[0]"),
        ("y_ip_0_split", "bottom[0]"),
        ("loss", "bottom[0]"),
    ]
    assert all(result.passes(1e-5) for result in results)
    assert all(
        result.checked == min(20, result.checked or 20) > 0 for result in results if result.blob
    )
    notes = {result.layer: result.note for result in results if not result.blob}
    assert set(notes) == {"in", "accuracy"}


def test_a_wrong_gradient_is_found(device, monkeypatch):
    right = ReLU.backward

    def wrong(self, top, propagate_down, bottom):
        right(self, top, propagate_down, bottom)
        bottom[0].diff[...] *= 1.001

    monkeypatch.setattr(ReLU, "backward", wrong)
    failed = [result.layer for result in check_net(make(device)) if not result.passes(1e-5)]
    assert failed == ["relu"]


def test_one_layer_alone(device):
    assert {result.layer for result in check_net(make(device), only="ip")} == {"ip"}


def test_labels_are_0_and_1_and_data_is_not(device):
    net = make(device)
    fill_inputs(net)
    labels, data = (device.to_numpy(net.blobs[name].data) for name in "tx")
    assert set(labels.reshape(-1)) <= {0.0, 1.0}
    assert len(np.unique(data)) > 100


def test_refuses(device):
    with pytest.raises(NetError, match="layer 'conw' is not in the net: did you mean 'conv'"):
        list(check_net(make(device), only="conw"))
    with pytest.raises(NetError, match="the net is of float32, expected float64"):
        list(check_net(make(device, np.float32)))
