"""BoxDetector: boxes in pixels from images of any size, and nets that find none."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe.box_detector import BoxDetector, trained_transform
from minicaffe.data.image_mean import write_mean
from minicaffe.errors import ArrayError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.proto.upgrade import upgrade_net
from tests import box_net

WHITE, BLUE = [1, 1, 30, 0, 60, 20], [1, 0.5, 0, 20, 30, 40]


@pytest.fixture
def net(tmp_path):
    return box_net.make(tmp_path)


def test_boxes_in_pixels_from_the_best_down(net):
    found = BoxDetector(net).detect(box_net.image(), 0.25)
    np.testing.assert_allclose(found, [WHITE, BLUE], rtol=1e-5)
    found = BoxDetector(net).detect(box_net.image(30, 44), 0.75)
    np.testing.assert_allclose(found, [[1, 1, 22, 0, 44, 15]], rtol=1e-5)
    assert BoxDetector(net).detect(box_net.image() * 0, 0).shape == (0, 6)


def test_the_order_of_the_channels(net):
    found = BoxDetector(net, rgb=True).detect(box_net.image(), 0.125)
    np.testing.assert_allclose(found, [WHITE, [1, 0.25, *BLUE[2:]]], rtol=1e-5)


def test_mean_and_scale(net):
    found = BoxDetector(net, [0, 51, 255], 0.5).detect(box_net.image(), 0.05)
    scores = [(2 + 0.8) / 8, (2 - 0.2 - 1) / 8]
    np.testing.assert_allclose(found[:, 1], scores, rtol=1e-5)
    one = BoxDetector(net, [51]).detect(box_net.image(), 0.5)
    np.testing.assert_allclose(one[:, 1], [0.8], rtol=1e-5)


def test_the_batch_of_the_definition_does_not_matter(tmp_path):
    net = box_net.make(tmp_path, batch=1)
    net.blobs["data"].reshape((1, 3, 2, 2))
    again = BoxDetector(net)
    first = again.detect(box_net.image(), 0.25)
    np.testing.assert_array_equal(again.detect(box_net.image(), 0.25), first)


def test_gray(tmp_path):
    detector = BoxDetector(box_net.make(tmp_path, channels=1))
    assert detector.is_gray
    np.testing.assert_allclose(detector.detect(box_net.image()[..., 0], 0.6)[:, 1], [1, 1])


def test_boxes_end_at_the_border(tmp_path):
    net = box_net.make(tmp_path)
    prior = next(step.layer for step in net.steps if step.name == "prior")
    prior.param.prior_box_param.min_size[0] = 2
    prior.setup([net.blobs["score"], net.blobs["data"]], [net.blobs["prior"]])
    found = BoxDetector(net).detect(box_net.image(), 0.75)
    np.testing.assert_allclose(found[:, 2:], [[15, 0, 60, 30]], rtol=1e-5)


def test_what_the_definition_says_of_its_training(tmp_path):
    param = "transform_param { mean_value: 1 mean_value: 2 mean_value: 3 scale: 0.5 }"
    text = f'layer {{ name: "a" }} layer {{ name: "b" {param} }}'
    assert trained_transform(text_format.Parse(text, NetParameter())) == ([1, 2, 3], 0.5)
    assert trained_transform(NetParameter()) == ([], 1)
    mean = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    write_mean(str(tmp_path / "mean.binaryproto"), mean)
    text = f'layer {{ transform_param {{ mean_file: "{tmp_path}/mean.binaryproto" }} }}'
    assert trained_transform(text_format.Parse(text, NetParameter())) == ([1.5, 5.5, 9.5], 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the net's inputs are none, expected one, for images: is it a deploy net"),
        (
            'input: "a" input: "b" input_shape { dim: 1 } input_shape { dim: 1 }',
            "the net's inputs are a, b, expected one",
        ),
        (
            'input: "a" input_shape { dim: 1 dim: 2 dim: 3 dim: 4 }',
            r"input 'a' has shape \(1, 2, 3, 4\), expected \(N, C, H, W\) with 1 or 3 channels",
        ),
        (
            'input: "a" input_shape { dim: 1 dim: 3 dim: 3 dim: 4 }'
            'layer { name: "r" type: "ReLU" bottom: "a" top: "r" }',
            r"the net's outputs are r \(1, 3, 3, 4\), expected one of shape \(1, 1, N, 7\)",
        ),
    ],
)
def test_nets_that_find_no_boxes(text, message):
    with pytest.raises(ArrayError, match=message):
        BoxDetector(Net(upgrade_net(text_format.Parse(text, NetParameter()))))


def test_a_mean_of_other_channels(net):
    with pytest.raises(ArrayError, match=r"mean has 2 numbers, expected 3: input 'data' has shape"):
        BoxDetector(net, [1, 2])


def test_a_box_of_no_number_is_left_out(net, caplog):
    net.forward()
    net.blobs["stay"].data[0, 8] = np.nan  # of the blue quarter; it is filled but once
    found = BoxDetector(net).detect(box_net.image(), 0.25)
    np.testing.assert_allclose(found, [WHITE], rtol=1e-5)
    assert "1 box(es) have NaN for a coordinate" in caplog.text
