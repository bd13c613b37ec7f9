"""Parameter: its value, where its gradient goes, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.device import cpu
from minicaffe.errors import BlobCountError, ShapeError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.proto.text import parse
from minicaffe.testing import check_gradient
from tests.build import build

TEXT = 'type: "Parameter" parameter_param { shape { dim: 2 dim: 3 } }'
NET = """
layer { name: "p" type: "Parameter" top: "w" param { name: "w" }
        parameter_param { shape { dim: 3 } } }
layer { name: "q" type: "Parameter" top: "v" param { name: "w" }
        parameter_param { shape { dim: 3 } } }
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "s" type: "Scale" bottom: "x" bottom: "w" top: "y" }
layer { name: "b" type: "Bias" bottom: "y" bottom: "v" top: "y" }
layer { name: "c" type: "Bias" bottom: "y" bottom: "v" top: "z" }
layer { name: "l" type: "Reduction" bottom: "z" top: "l" loss_weight: 2 }
"""


def test_is_what_was_learned(device, rng):
    layer, bottom, top = build(TEXT, device)
    assert [blob.shape for blob in (*layer.blobs, *top)] == [(2, 3)] * 2
    assert not device.to_numpy(layer.blobs[0].data).any()
    w = rng.standard_normal((2, 3))
    layer.blobs[0].data[...] = device.xp.asarray(w)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), w)


def test_gradient(device):
    check_gradient(*build(TEXT, device))


def test_the_gradients_of_several_passes_add_up(device):
    layer, bottom, top = build(TEXT, device)
    for gradient in (1, 10):  # as a layer above writes it
        layer.run_forward(bottom, top)
        top[0].diff[...] = gradient
        layer.run_backward(top, [], bottom)
    assert (device.to_numpy(layer.blobs[0].diff) == 11).all()


def test_leaves_a_parameter_that_does_not_learn(device):
    layer, bottom, top = build(TEXT, device)
    layer.param_propagate_down = [False]
    top[0].diff[...] = 1
    layer.run_backward(top, [], bottom)
    assert not device.to_numpy(layer.blobs[0].diff).any()


def test_a_shape_is_no_must(device):
    _, _, top = build('type: "Parameter"', device)
    assert top[0].shape == ()


def test_takes_its_value_from_the_definition(device):
    given = "blobs { shape { dim: 2 dim: 1 } data: 3 data: 4 }"
    shape = "parameter_param { shape { dim: 2 dim: 1 } }"
    layer, bottom, top = build(f'type: "Parameter" {given} {shape}', device)
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).tolist() == [[3], [4]]
    with pytest.raises(ShapeError, match=r"blobs\[0\] has shape \(2, 1\), expected \(2, 3\)"):
        build(f"{TEXT} {given}", device)


def test_two_of_one_name_in_a_net():
    """They share their value, their gradients add up, and what is in place leaves it alone."""
    net = Net(parse(NET, NetParameter), None, cpu())
    x = np.arange(6.0).reshape(2, 3)
    net.blobs["x"].data[...] = x
    net.params[0].blob.data[...] = [1, 2, 3]
    for passes in (1, 2):
        net.forward()
        np.testing.assert_array_equal(net.blobs["z"].data, (x + 2) * [1, 2, 3])
        net.backward()
        expected = passes * 2 * (x.sum(axis=0) + 4)
        np.testing.assert_allclose(net.params[0].blob.diff, expected)
    assert len(net.params) == 1


def test_refuses_a_bottom(device):
    with pytest.raises(BlobCountError, match=r"layer 'it' \(Parameter\): 1 bottom blob\(s\)"):
        build(TEXT, device, np.ones(3))


def test_refuses_a_negative_size(device):
    with pytest.raises(ShapeError, match=r"shape is \(-2,\)"):
        build('type: "Parameter" parameter_param { shape { dim: -2 } }', device)
