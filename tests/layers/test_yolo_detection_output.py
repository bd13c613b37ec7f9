"""YoloDetectionOutput: boxes by hand, which of them are left, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from tests.build import build
from tests.layers.test_region_loss import sigmoid

ANCHORS = [(1.0, 1.5), (3.0, 2.0)]  # in cells
K, H, W = 3, 4, 5
X = (2, 2 * (5 + K), H, W)


def text(fields="", anchors=ANCHORS):
    biases = " ".join(f"biases: {side}" for pair in anchors for side in pair)
    more = f"num_classes: {K} num_box: 2 {biases} {fields}"
    return f'type: "YoloDetectionOutput" yolo_detection_output_param {{ {more} }}'


def nothing(images=2):
    """Predictions (N, A, 5 + K, H, W) of a very low score."""
    x = np.zeros((images, 2, 5 + K, H, W))
    x[:, :, 4] = -30
    return x


def run(device, x, fields=""):
    layer, bottom, top = build(text(fields), device, x.reshape(len(x), -1, H, W))
    layer.run_forward(bottom, top)
    assert top[0].shape[:2] == (1, 1)
    return device.to_numpy(top[0].data)[0, 0]


def test_boxes_worked_by_hand(device):
    x = nothing()
    x[0, 1, :, 2, 3] = [0, 0, 0, np.log(2), 0, 0, np.log(2), 0]  # class 1: 2 of 4
    x[1, 0, :, 0, 4] = [30, -30, np.log(0.5), 0, 30, 9, 9, 30]
    found = run(device, x)
    left, top = 3.5 / W - 3 / W / 2, 2.5 / H - 4 / H / 2
    first = [0, 2, 0.5 * 0.5, left, top, left + 3 / W, top + 4 / H]
    second = [1, 3, 1, 1 - 0.05, -1.5 / H / 2, 1 + 0.05, 1.5 / H / 2]
    np.testing.assert_allclose(found, [first, second], atol=1e-8)


def test_of_those_that_overlap_the_best_of_each_class_is_left(device):
    x = nothing(1)
    for column, score, label in ((1, 1, 0), (2, 3, 0), (3, 2, 1), (4, 1, 0)):
        x[0, 1, 4, 1, column] = score
        x[0, 1, 5 + label, 1, column] = 20
    found = run(device, x, "nms_threshold: 0.45")
    # neighbours share 2 of 4 cells, 0.5; those two apart 1 of 5
    labels, scores = found[:, 1].tolist(), found[:, 2]
    assert labels == [1, 1, 2]
    np.testing.assert_allclose(scores, sigmoid(np.array([3, 1, 2])), atol=1e-6)
    assert len(run(device, x, "nms_threshold: 0.55")) == 4
    assert len(run(device, x, "nms_threshold: 0.45 confidence_threshold: 0.74")) == 2


def test_only_scores_above_the_threshold(device):
    x = nothing(1)
    x[0, 0, 4, 0, 0] = 0
    x[0, 0, 5, 0, 0] = 100
    assert run(device, x, "confidence_threshold: 0.5")[0, 1] == -1
    assert run(device, x, "confidence_threshold: 0.499")[0, 1] == 1


def test_where_there_is_none(device):
    assert run(device, nothing()).tolist() == [[0, *[-1] * 6], [1, *[-1] * 6]]


def test_one_image_without_any(device):
    x = nothing()
    x[1, 0, 4, 0, 0] = 5
    assert run(device, x)[:, 0].tolist() == [1]


def test_nan_is_no_detection(device):
    x = nothing()
    x[:, :, 4] = np.nan
    x[:, :, 5, 0] = np.inf
    assert (run(device, x)[:, 1] == -1).all()


def test_has_no_gradient(device):
    layer, bottom, top = build(text(), device, np.zeros(X))
    layer.run_forward(bottom, top)
    layer.run_backward(top, [False], bottom)
    assert not layer.allow_force_backward(0)
    with pytest.raises(LayerConfigError, match=r"propagate_down\[0\] is true, expected false"):
        layer.run_backward(top, [True], bottom)
    with pytest.raises(LayerConfigError, match=r"propagate_down\[0\] is true, expected false"):
        build(text() + "propagate_down: true", device, np.zeros(X))


@pytest.mark.parametrize(
    ("definition", "shape", "error", "message"),
    [
        (text(anchors=ANCHORS[:1]), X, LayerConfigError, "2 times, expected 4: .* num_box tells 2"),
        (text("coords: 3"), X, LayerConfigError, "coords is 3, expected 4"),
        (text("nms_threshold: -1"), X, LayerConfigError, "nms_threshold is -1, expected 0 or more"),
        (
            text().replace(": 3 n", ": 0 n"),
            X,
            LayerConfigError,
            "num_classes is 0, expected at least 1",
        ),
        (text(), (2, 15, H, W), ShapeError, r"\(2, 15, 4, 5\), expected \(N, 16, H, W\)"),
    ],
)
def test_refuses(device, definition, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(YoloDetectionOutput\): .*{message}"):
        build(definition, device, np.ones(shape))
