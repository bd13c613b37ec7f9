"""Proposal: what it finds in two images, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from minicaffe.net import Net
from minicaffe.proto import minicaffe_pb2 as pb
from minicaffe.proto.text import parse
from tests.build import build


def text(field="", rest=""):
    return f'type: "Proposal" proposal_param {{ ratio: 1 scale: 1 {field} }} {rest}'


def arrays():
    """An anchor at three positions of two images: see ``tests.boxes.test_proposals``."""
    scores = np.full((2, 2, 1, 3), 0.95)
    scores[:, 1, 0] = [[0.5, 0.9, 0.99], [0.3, 0.2, 0.1]]
    offsets = np.zeros((2, 4, 1, 3))
    offsets[0, 0, 0, 1] = -15 / 16
    offsets[0, 2, 0, 2] = np.log(0.5)
    return scores, offsets, np.array([[20, 48, 1.0], [9, 99, 0.5]])


@pytest.mark.parametrize("tops", [1, 2])
def test_by_hand(device, tops):
    layer, bottom, top = build(text(), device, *arrays(), tops=tops)
    layer.run_forward(bottom, top)
    # in the second image nothing moves; anchors are cut off at 9 rows
    assert device.to_numpy(top[0].data).tolist() == [
        [0, 1, 0, 17, 16],
        [1, 0, 0, 16, 8],
        [1, 16, 0, 32, 8],
        [1, 32, 0, 48, 8],
    ]
    if tops == 2:
        assert device.to_numpy(top[1].data).tolist() == [[0.9], [0.3], [0.2], [0.1]]


def test_the_nine_are_the_default(device):
    scores = np.zeros((1, 18, 1, 2))
    scores[0, 9:, 0, 0] = np.arange(9)
    offsets = np.zeros((1, 36, 1, 2))
    images = np.array([[600.0, 1000, 1]])
    definition = 'type: "Proposal" proposal_param { nms_thresh: 1 }'
    layer, bottom, top = build(definition, device, scores, offsets, images)
    layer.run_forward(bottom, top)
    # the best: 1:2, the largest, one pixel later than its end, as far as it is in the image
    assert device.to_numpy(top[0].data)[0].tolist() == [0, 0, 0, 184, 360]


def test_nothing_found_are_no_rows(device):
    layer, bottom, top = build(text("min_size: 99"), device, *arrays(), tops=2)
    layer.run_forward(bottom, top)
    assert [blob.shape for blob in top] == [(0, 5), (0, 1)]


def test_has_no_gradient(device):
    layer, bottom, top = build(text(), device, *arrays())
    assert not any(layer.allow_force_backward(i) for i in range(3))
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 7
    layer.run_backward(top, [True, False, True], bottom)
    assert [device.to_numpy(blob.diff).all() for blob in bottom] == [False, True, False]


HEAD = """
layer { name: "in" type: "Input" top: "x" top: "s" top: "o" top: "i" input_param {
  shape { dim: 1 dim: 8 dim: 4 dim: 3 } shape { dim: 1 dim: 18 dim: 4 dim: 3 }
  shape { dim: 1 dim: 36 dim: 4 dim: 3 } shape { dim: 1 dim: 3 } } }
layer { name: "p" type: "Proposal" bottom: "s" bottom: "o" bottom: "i" top: "rois" }
layer { name: "r" type: "POOL" bottom: "x" bottom: "rois" top: "r"
  roi_pooling_param { pooled_h: 3 pooled_w: 3 spatial_scale: 0.0625 }
  psroi_pooling_param { output_dim: 2 group_size: 2 spatial_scale: 0.0625 } }
layer { name: "c" type: "Convolution" bottom: "r" top: "c" convolution_param { num_output: 4
  kernel_size: 1 weight_filler { type: "xavier" } } }
layer { name: "b" type: "NORM" bottom: "c" top: "n" group_norm_param { group_num: 2 } }
layer { name: "scale" type: "Scale" bottom: "n" top: "n" scale_param { bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "n" top: "n" }
layer { name: "m" type: "Pooling" bottom: "n" top: "m"
  pooling_param { pool: AVE global_pooling: true } }
layer { name: "y" type: "InnerProduct" bottom: "m" top: "y"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "prob" type: "Softmax" bottom: "y" top: "prob" }
"""


@pytest.mark.parametrize("pool", ["ROIPooling", "PSROIPooling"])
@pytest.mark.parametrize("norm", ["BatchNorm", "BN", "GroupNorm", "LRN"])
def test_where_nothing_is_found_the_layers_behind_have_nothing_to_do(device, rng, pool, norm):
    text = HEAD.replace("POOL", pool).replace("NORM", norm)
    net = Net(parse(text, pb.NetParameter), pb.NetState(phase=pb.TEST), device)
    net.blobs["s"].data[...] = device.xp.asarray(rng.random((1, 18, 4, 3)))
    rows = []
    for scale in (1, 1000, 1):  # the regions are smaller than 16 pixels of the image as it was
        net.blobs["i"].data[...] = device.xp.asarray(np.array([[64.0, 48, scale]]))
        net.forward()
        rows.append(net.blobs["prob"].shape[0])
    assert rows[0] == rows[2] > 0
    assert rows[1] == 0


S = [(1, 2, 4, 3), (1, 4, 4, 3), (1, 3)]


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        (text("feat_stride: 0"), S, LayerConfigError, "feat_stride is 0, expected at least 1"),
        (text("base_size: 0"), S, LayerConfigError, "base_size is 0, expected at least 1 pixel"),
        (text("ratio: 0"), S, LayerConfigError, "ratio is 0, expected a positive number"),
        (text("scale: -2"), S, LayerConfigError, "scale is -2, expected a positive number"),
        (text("nms_thresh: -1"), S, LayerConfigError, "nms_thresh is -1, expected 0 or more"),
        (text(), [(1, 3, 4, 3), *S[1:]], ShapeError, r"bottom\[0\].*expected \(N, 2, H, W\)"),
        (text(), [S[0], (1, 8, 4, 3), S[2]], ShapeError, r"bottom\[1\].*expected \(N, 4, H, W\)"),
        (text(), [S[0], (1, 4, 3, 4), S[2]], ShapeError, r"bottom\[1\].*and the size of bottom"),
        (text(), [*S[:2], (2, 3)], ShapeError, r"bottom\[2\] has shape \(2, 3\), expected \(1, 3"),
        (text(), [*S[:2], (1, 2)], ShapeError, r"bottom\[2\] has shape \(1, 2\)"),
        (text(), S[:2], BlobCountError, r"2 bottom blob\(s\), expected 3"),
        (
            text(rest="propagate_down: [true, false, false]"),
            S,
            LayerConfigError,
            r"propagate_down\[0\] is true, expected false",
        ),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Proposal\): .*{message}"):
        build(definition, device, *map(np.ones, shapes))
