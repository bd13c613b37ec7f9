"""ShuffleChannel: worked by hand, against Reshape-Permute-Reshape, undone, gradients, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.proto.text import parse
from minicaffe.testing import check_gradient
from tests.build import build
from tests.layers.spoiling import check_backward_reads


def text(group):
    return f'type: "ShuffleChannel" shuffle_channel_param {{ group: {group} }}'


def test_an_example_worked_by_hand(device):
    layer, bottom, top = build(text(2), device, np.arange(6.0).reshape(1, 6))
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).tolist() == [[0, 3, 1, 4, 2, 5]]


def test_is_reshape_permute_reshape(device, rng):
    net = Net(
        parse(
            """
            layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 12 dim: 5
                    dim: 3 } } }
            layer { name: "a" type: "ShuffleChannel" bottom: "x" top: "a"
                    shuffle_channel_param { group: 3 } }
            layer { name: "b" type: "Reshape" bottom: "x" top: "b" reshape_param { shape {
                    dim: 0 dim: 3 dim: 4 dim: 5 dim: 3 } } }
            layer { name: "c" type: "Permute" bottom: "b" top: "c"
                    permute_param { order: 0 order: 2 order: 1 } }
            layer { name: "d" type: "Reshape" bottom: "c" top: "d" reshape_param { shape {
                    dim: 0 dim: 12 dim: 5 dim: 3 } } }
            """,
            NetParameter,
        ),
        device=device,
    )
    net.blobs["x"].data[...] = device.xp.asarray(rng.standard_normal((2, 12, 5, 3)))
    net.forward()
    a, d = (device.to_numpy(net.blobs[name].data) for name in "ad")
    np.testing.assert_array_equal(a, d)
    assert (a != device.to_numpy(net.blobs["x"].data)).any()


def test_the_other_number_of_groups_undoes_it(device, rng):
    x = rng.standard_normal((2, 12, 5, 3))
    layer, bottom, top = build(text(3), device, x)
    layer.run_forward(bottom, top)
    back, bottom, top = build(text(4), device, device.to_numpy(top[0].data))
    back.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), x)


@pytest.mark.parametrize(("shape", "group"), [((2, 6, 3, 2), 2), ((3, 4), 4), ((2, 3, 5), 1)])
def test_gradient(device, rng, shape, group):
    check_gradient(*build(text(group), device, rng.standard_normal(shape)))


def test_leaves_what_is_not_asked_for(device):
    layer, bottom, top = build(text(2), device, np.ones((1, 4, 3)))
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize(
    ("group", "shape", "error", "message"),
    [
        (0, (2, 6), LayerConfigError, "group is 0, expected at least 1"),
        (4, (2, 6, 3), ShapeError, r"bottom\[0\] has 6 channels, expected a multiple of group, 4"),
        (1, (6,), ShapeError, r"bottom\[0\] has shape \(6,\), expected \(N, C, ...\)"),
    ],
)
def test_refuses(device, group, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(ShuffleChannel\): {message}"):
        build(text(group), device, np.ones(shape))


def test_backward_reads_no_data(device, rng):
    check_backward_reads(*build(text(3), device, rng.standard_normal((2, 6, 5))), rng)
