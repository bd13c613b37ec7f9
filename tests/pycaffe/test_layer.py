"""The layers of a net, one by one."""

from __future__ import annotations

import gc
import sys
import weakref

import numpy as np
import pytest

import minicaffe as caffe
from minicaffe.errors import ShapeError
from tests.pycaffe.nets import TESTNET

MODULE = """
import minicaffe as caffe

class Scale(caffe.Layer):
    def setup(self, bottom, top):
        self.factor = float(self.param_str)
        self.blobs.add_blob(2)

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = self.factor * bottom[0].data + self.blobs[0].data[0]

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = self.factor * top[0].diff
"""
NET = """
force_backward: true
input: "x" input_shape { dim: 2 dim: 3 }
layer { name: "s" type: "Python" bottom: "x" top: "y"
        python_param { module: "scale_for_layers" layer: "Scale" param_str: "2" } }
"""


@pytest.fixture
def net(written, built_on, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    written(MODULE, "scale_for_layers.py")
    yield caffe.Net(written(NET), caffe.TEST)
    sys.modules.pop("scale_for_layers", None)


def test_a_python_layer_is_the_users_own_object(net):
    layer = net.layers[1]
    assert isinstance(layer, caffe.Layer)
    assert layer.type == "Python"
    assert (layer.factor, layer.phase, layer.param_str) == (2, caffe.TEST, "2")
    layer.factor = 3
    net.params["s"][0].data[...] = 1
    np.testing.assert_array_equal(net.forward(x=np.ones((2, 3)))["y"], np.full((2, 3), 4))
    np.testing.assert_array_equal(net.backward(y=np.ones((2, 3)))["x"], np.full((2, 3), 3))
    assert layer.blobs[0].shape == (2,)


def test_an_exception_of_a_layer_passes_and_the_net_goes_on(net):
    net.layers[1].factor = "wrong"
    with pytest.raises(TypeError) as caught:
        net.forward()
    assert "layer 's'" in caught.value.__notes__[0]
    net.layers[1].factor = 5
    np.testing.assert_array_equal(net.forward(x=np.ones((2, 3)))["y"], np.full((2, 3), 5))


def test_a_net_with_python_layers_goes_with_its_last_name(written, net):
    other = caffe.Net(written(NET), caffe.TEST)
    other.forward()
    layer, inner = other.layers[1], weakref.ref(other.engine.steps[1].layer)
    gc.disable()
    try:
        del other
        assert inner() is None
        assert layer.factor == 2
    finally:
        gc.enable()


class TestSetupAndReshape:
    def test_by_hand(self, deploy):
        layer = deploy.layer_dict["ip"]
        kept = [blob.data.copy() for blob in layer.blobs]
        bottom, top = [deploy.blobs["pool"]], [deploy.blobs["ip"]]
        bottom[0].reshape(9, 2, 1, 1)
        layer.reshape(bottom, top)
        assert top[0].shape == (9, 7)
        layer.setup(bottom, top)
        assert len(layer.blobs) == 2
        for blob, before in zip(layer.blobs, kept, strict=True):
            np.testing.assert_array_equal(blob.data, before)
        assert deploy.forward()["prob"].shape == (4, 7)

    def test_setup_keeps_what_learns(self, written, built_on):
        text = TESTNET.replace("force_backward: true", "").replace("decay_mult: 0", "lr_mult: 0")
        net = caffe.Net(written(text), caffe.TRAIN)
        net.layer_dict["conv"].setup([net.blobs["data"]], [net.blobs["conv"]])
        net.forward()
        net.backward()
        assert net.params["conv"][0].diff.any()
        assert not net.params["conv"][1].diff.any()

    def test_what_does_not_fit(self, deploy):
        bottom, top = [deploy.blobs["data"]], [deploy.blobs["ip"]]
        with pytest.raises(ShapeError, match="layer 'ip'"):
            deploy.layer_dict["ip"].reshape(bottom, top)

    def test_parameters_keep_their_shapes(self, deploy):
        for blob in (deploy.params["ip"][0], deploy.layer_dict["ip"].blobs[0]):
            blob.reshape(7, 2)
            with pytest.raises(
                ShapeError, match=r"a parameter of shape \(7, 2\) is to be reshaped"
            ):
                blob.reshape(2, 7)
            assert blob.shape == (7, 2)

    def test_says_what_it_is(self, deploy):
        assert repr(deploy.layer_dict["ip"]) == "<InnerProduct layer 'ip'>"


def test_all_types():
    types = caffe.layer_type_list()
    assert types == sorted(types)
    assert {"Convolution", "Data", "Python", "SoftmaxWithLoss", "LSTMUnit"} <= set(types)
