"""Maxout: by hand, |x| of two pieces, against Slice and Eltwise MAX, gradients, refusals."""

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


def text(fields=""):
    return f'type: "Maxout" maxout_param {{ {fields} }}'


def test_an_example_worked_by_hand(device):
    x = np.array([[[1.0, 5], [2, 5], [3, -1], [-4, 0], [7, 6], [7, 8]]])
    layer, bottom, top = build(text("pieces: 3"), device, x)
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).tolist() == [[[3, 5], [7, 8]]]
    top[0].diff[...] = device.xp.asarray(np.array([[[1.0, 2], [3, 4]]]))
    layer.run_backward(top, [True], bottom)
    dx = [[[0, 2], [0, 0], [1, 0], [0, 0], [3, 0], [0, 4]]]  # of equal ones, the first
    assert device.to_numpy(bottom[0].diff).tolist() == dx


def test_two_pieces_are_the_absolute_value(device):
    net = Net(
        parse(
            """
            layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 7 dim: 1 } } }
            layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip"
                    inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
            layer { name: "y" type: "Maxout" bottom: "ip" top: "y" }
            """,
            NetParameter,
        ),
        device=device,
    )
    x = np.array([[-3.0], [-1.5], [-0.0], [0], [0.25], [1], [1e6]], np.float32)
    net.blobs["x"].data[...] = device.xp.asarray(x)
    weights = next(step.layer for step in net.steps if step.name == "ip").blobs[0]
    weights.data[...] = device.xp.asarray(np.array([[1.0], [-1]], np.float32))
    net.forward()
    np.testing.assert_array_equal(device.to_numpy(net.blobs["y"].data), np.abs(x))


@pytest.mark.parametrize(
    ("shape", "fields", "axis", "pieces"),
    [
        ((2, 6, 5, 3), "", 1, 2),
        ((2, 6, 5, 3), "pieces: 3", 1, 3),
        ((4, 6), "pieces: 6", 1, 6),
        ((2, 3, 8), "pieces: 4 axis: -1", 2, 4),
        ((6, 5), "axis: 0", 0, 2),
        ((2, 3, 5), "pieces: 1", 1, 1),
    ],
)
def test_is_the_maximum_of_the_pieces(device, rng, shape, fields, axis, pieces):
    x = rng.permutation(np.prod(shape)).reshape(shape) / 10
    layer, bottom, top = build(text(fields), device, x)
    layer.run_forward(bottom, top)
    parts = [np.take(x, range(j, shape[axis], pieces), axis) for j in range(pieces)]
    np.testing.assert_array_equal(device.to_numpy(top[0].data), np.maximum.reduce(parts))
    check_gradient(layer, bottom, top)


def test_leaves_what_is_not_asked_for(device):
    layer, bottom, top = build(text(), device, np.ones((3, 4)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize(
    ("fields", "shape", "error", "message"),
    [
        ("pieces: 0", (2, 6), LayerConfigError, "pieces is 0, expected at least 1"),
        ("pieces: 4", (2, 6, 3), ShapeError,
         r"bottom\[0\] has 6 channels, expected a multiple of pieces, 4"),
        ("axis: 2", (2, 6), ShapeError, "axis is 2, expected -2..1"),
    ],
)  # fmt: skip
def test_refuses(device, fields, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Maxout\): {message}"):
        build(text(fields), device, np.ones(shape))


def test_backward_reads_no_data(device, rng):
    check_backward_reads(*build(text(), device, rng.standard_normal((2, 6, 5))), rng)
