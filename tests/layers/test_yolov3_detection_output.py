"""Yolov3DetectionOutput: boxes of several scales by hand, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from tests.build import build
from tests.layers.test_region_loss import sigmoid

K = 3
SHAPES = [(2, 16, 2, 3), (2, 16, 4, 6)]  # of 96 x 64 pixels


def text(fields="", mask=(2, 3, 0, 1), scales=(32, 16)):
    biases = "biases: 8 biases: 4 biases: 16 biases: 32 biases: 48 biases: 32 biases: 96 biases: 64"
    names = " ".join([*(f"mask: {i}" for i in mask), *(f"anchors_scale: {i}" for i in scales)])
    more = f"num_classes: {K} num_box: 2 {biases} {names} {fields}"
    return f'type: "Yolov3DetectionOutput" yolov3_detection_output_param {{ {more} }}'


def nothing():
    xs = [np.zeros((n, 2, 5 + K, h, w)) for n, _, h, w in SHAPES]
    for x in xs:
        x[:, :, 4] = -30
    return xs


def run(device, xs, fields=""):
    arrays = [x.reshape(shape) for x, shape in zip(xs, SHAPES, strict=True)]
    layer, bottom, top = build(text(fields), device, *arrays)
    layer.run_forward(bottom, top)
    return device.to_numpy(top[0].data)[0, 0]


def test_boxes_worked_by_hand(device):
    xs = nothing()
    xs[0][1, 0, :, 1, 2] = [0, 0, 0, 0, 1, -9, 2, -9]  # 48 x 32 pixels around (80, 48)
    xs[1][1, 1, :, 3, 0] = [0, 0, 0, 0, 2, -9, -9, 30]  # 16 x 32 around (8, 56)
    xs[1][0, 0, :, 0, 0] = [0, 0, np.log(2), 0, 3, 30, 0, 0]  # 16 x 4 around (8, 8)
    first = [0, 1, sigmoid(3), 0, 6 / 64, 16 / 96, 10 / 64]
    second = [1, 2, sigmoid(1) * sigmoid(2), 56 / 96, 32 / 64, 104 / 96, 64 / 64]
    third = [1, 3, sigmoid(2), 0, 40 / 64, 16 / 96, 72 / 64]
    np.testing.assert_allclose(run(device, xs), [first, second, third], atol=1e-8)
    np.testing.assert_allclose(run(device, xs, "mask_group_num: 2")[0], first, atol=1e-8)


def test_boxes_of_different_scales_overlap(device):
    """48 x 32 pixels by one, 16 x 32 by the other, in the middle of it: a third is shared."""
    xs = nothing()
    xs[0][0, 0, :, 0, 1] = [0, 0, 0, 0, 1, 30, 0, 0]
    xs[1][0, 1, :, 0, 2] = [30, 30, 0, 0, 2, 30, 0, 0]
    found = run(device, xs, "nms_threshold: 0.3")
    np.testing.assert_allclose(found[:, 2], [sigmoid(2)])
    assert len(run(device, xs, "nms_threshold: 0.4")) == 2


def test_where_there_is_none(device):
    assert run(device, nothing()).tolist() == [[0, *[-1] * 6], [1, *[-1] * 6]]


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        (text(mask=(0, 1)), SHAPES, LayerConfigError, "mask is given 2 times, expected 4: num_box"),
        (text(mask=(0, 1, 2, 4)), SHAPES, LayerConfigError, r"mask is 4, expected 0..3"),
        (text(scales=(32,)), SHAPES, LayerConfigError, r"anchors_scale is \[32\], expected 2 numb"),
        (text(scales=(32, 0)), SHAPES, LayerConfigError, r"anchors_scale is \[32, 0\]"),
        (text("mask_group_num: 3"), SHAPES, LayerConfigError, "mask_group_num is 3, expected 2"),
        (text("biases: 1"), SHAPES, LayerConfigError, "biases is given 9 times, expected 8"),
        (text(), [SHAPES[0], (2, 15, 4, 6)], ShapeError, r"bottom\[1\] has .*\(N, 16, H, W\)"),
        (text(), [SHAPES[0], (3, 16, 4, 6)], ShapeError, r"bottom\[1\] has .*expected 2 image"),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Yolov3DetectionOutput\): .*{message}"):
        build(definition, device, *map(np.ones, shapes))
