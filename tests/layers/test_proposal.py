"""Proposal: what it finds in two images, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
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
