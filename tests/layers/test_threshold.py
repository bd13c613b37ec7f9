"""Threshold: its formula, and that it has no gradient."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.errors import LayerConfigError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter, NetState
from tests.build import build

X = (2, 3, 5, 7)


@pytest.mark.parametrize("threshold", [0, 0.5, -1])
@pytest.mark.parametrize("in_place", [False, True])
def test_matches_reference(device, rng, threshold, in_place):
    x = rng.integers(-4, 5, X) / 2  # hits the threshold
    text = f'type: "Threshold" threshold_param {{ threshold: {threshold} }}'
    layer, bottom, top = build(text, device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    expected = [1 if v > threshold else 0 for v in x.reshape(-1)]
    np.testing.assert_array_equal(device.to_numpy(top[0].data).reshape(-1), expected)
    assert in_place or (device.to_numpy(bottom[0].data) == x).all()


def test_what_is_not_finite(device):
    layer, bottom, top = build('type: "Threshold"', device, np.array([np.nan, np.inf, -np.inf]))
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), [0, 1, 0])


def test_follows_its_bottom_to_other_shapes(device, rng):
    layer, bottom, top = build('type: "Threshold"', device, rng.standard_normal(X))
    for shape in [(4, 3, 5, 7), (3, 2)]:
        x = rng.standard_normal(shape)
        bottom[0].reshape(shape)
        bottom[0].data[...] = device.xp.asarray(x)
        layer.run_forward(bottom, top)
        np.testing.assert_array_equal(device.to_numpy(top[0].data), x > 0)


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build('type: "Threshold"', device, rng.standard_normal(X))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_refuses_to_be_asked_for_a_gradient(device, rng):
    message = r"^layer 'it' \(Threshold\): propagate_down\[0\] is true, expected false"
    with pytest.raises(LayerConfigError, match=message):
        build('type: "Threshold" propagate_down: true', device, np.ones(X))
    layer, bottom, top = build('type: "Threshold"', device, np.ones(X))
    layer.run_forward(bottom, top)
    with pytest.raises(LayerConfigError, match=message):
        layer.run_backward(top, [True], bottom)


def test_force_backward_goes_past_it(device):
    text = """
        force_backward: true
        layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
        layer { name: "relu" type: "ReLU" bottom: "x" top: "y" }
        layer { name: "it" type: "Threshold" bottom: "y" top: "z" }
    """
    net = Net(text_format.Parse(text, NetParameter()), NetState(), device)
    net.forward()
    net.backward()
    assert net.steps[-1].propagate_down == [False]
