"""DepthwiseConvolution: against one Convolution for each channel, gradients, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.proto.text import parse
from minicaffe.testing import check_gradient
from tests.build import build

TYPES = ["DepthwiseConvolution", "ConvolutionDepthwise"]
X = (2, 3, 7, 5)
SIZES = "kernel_h: 3 kernel_w: 2 stride: 2 pad_h: 1"
FILLED = 'weight_filler { type: "gaussian" std: 1 } bias_filler { type: "gaussian" std: 1 }'


def text(layer_type, fields):
    return f'type: "{layer_type}" convolution_param {{ {FILLED} {fields} }}'


@pytest.mark.parametrize("layer_type", TYPES)
def test_an_example_worked_by_hand(device, layer_type):
    x = np.array([[[[1.0, 2, 3]], [[4, 5, 6]]]])
    fields = "num_output: 2 kernel_h: 1 kernel_w: 2"
    layer, bottom, top = build(text(layer_type, fields), device, x)
    weights = np.array([[[[1.0, -1]]], [[[2, 0]]]]), np.array([0.0, 10])
    for blob, values in zip(layer.blobs, weights, strict=True):
        blob.data[...] = device.xp.asarray(values)
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).tolist() == [[[[-1, -1]], [[18, 20]]]]
    top[0].diff[...] = device.xp.asarray(np.array([[[[1.0, 0]], [[0, 1]]]]))
    layer.run_backward(top, [True], bottom)
    assert device.to_numpy(bottom[0].diff).tolist() == [[[[1, -1, 0]], [[0, 2, 0]]]]
    assert device.to_numpy(layer.blobs[0].diff).tolist() == [[[[1, 2]]], [[[5, 6]]]]
    assert device.to_numpy(layer.blobs[1].diff).tolist() == [1, 1]


@pytest.mark.parametrize("layer_type", TYPES)
@pytest.mark.parametrize("group", ["", "group: 3"])
@pytest.mark.parametrize("each", [1, 2])
def test_is_a_convolution_of_each_channel(device, rng, layer_type, group, each):
    x = rng.standard_normal(X)
    fields = f"num_output: {3 * each} {SIZES} {group}"
    layer, bottom, top = build(text(layer_type, fields), device, x)
    assert layer.blobs[0].shape == (3 * each, 1, 3, 2)
    layer.run_forward(bottom, top)
    y = device.to_numpy(top[0].data)
    for c in range(3):
        one = text("Convolution", f"num_output: {each} {SIZES}")
        alone, below, above = build(one, device, x[:, c : c + 1])
        of = slice(each * c, each * c + each)
        for mine, blob in zip(alone.blobs, layer.blobs, strict=True):
            mine.data[...] = blob.data[of]
        alone.run_forward(below, above)
        np.testing.assert_allclose(y[:, of], device.to_numpy(above[0].data), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("layer_type", TYPES)
@pytest.mark.parametrize("each", [1, 2])
def test_gradient(device, rng, layer_type, each):
    fields = f"num_output: {3 * each} {SIZES}"
    check_gradient(*build(text(layer_type, fields), device, rng.standard_normal(X)))


def test_one_axis_and_channels_elsewhere(device, rng):
    fields = "num_output: 5 kernel_size: 3 axis: 2"
    layer, bottom, top = build(text(TYPES[0], fields), device, rng.standard_normal((2, 3, 5, 4)))
    assert top[0].shape == (2, 3, 5, 2)
    check_gradient(layer, bottom, top)


def test_counts_a_product_for_each_weight_and_position(device):
    fields = "num_output: 3 kernel_size: 3 pad: 1"
    layer, bottom, top = build(text(TYPES[0], fields), device, np.ones((2, 3, 7, 5)))
    assert layer.multiply_adds(bottom, top) == 2 * 3 * 7 * 5 * 9


def test_the_definition_stays_as_it_was(device, rng):
    net = Net(
        parse(
            """
            layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 5
                    dim: 4 } } }
            layer { name: "y" type: "DepthwiseConvolution" bottom: "x" top: "y"
                    convolution_param { num_output: 3 kernel_size: 3 } }
            """,
            NetParameter,
        ),
        device=device,
    )
    net.forward()
    assert net.blobs["y"].shape == (2, 3, 3, 2)
    assert not net.definition.layer[1].convolution_param.HasField("group")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("num_output: 4 kernel_size: 3", "group is 3, expected a divisor of num_output: 4"),
        ("num_output: 3 kernel_size: 3 group: 1",
         r"group is 1, expected 3, the channels of bottom\[0\], or nothing"),
        ("kernel_size: 3", "num_output is missing"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("layer_type", TYPES)
def test_refuses(device, layer_type, fields, message):
    with pytest.raises(LayerConfigError, match=rf"^layer 'it' \({layer_type}\): {message}"):
        build(text(layer_type, fields), device, np.ones(X))
