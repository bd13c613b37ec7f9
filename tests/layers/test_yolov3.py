"""Yolov3: against loops over boxes, its gradient, which anchors are whose, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build
from tests.layers.test_region_loss import BOXES, overlap, sigmoid

ANCHORS = np.array([(12.0, 11.0), (25.0, 40.0), (90.0, 50.0)])  # in pixels; 160 x 128 of them
K, H, W = 3, 4, 5
X = (2, 2 * (5 + K), H, W)
SCALES = "object_scale: 5 noobject_scale: 0.5 class_scale: 2 coord_scale: 3"


def text(fields=SCALES, mask=(1, 2), num=2):
    fields += "" if "thresh" in fields else " thresh: 0.6"
    biases = " ".join(f"biases: {side}" for side in ANCHORS.flat)
    names = " ".join(f"mask: {index}" for index in mask)
    more = f"num_class: {K} num: {num} anchors_scale: 32 {biases} {names} {fields}"
    return f'type: "Yolov3" yolov3_param {{ {more} }}'


def ce(x, target):
    return -target * np.log(sigmoid(x)) - (1 - target) * np.log(sigmoid(-x))


def squares(x, target):
    return (sigmoid(x) - target) ** 2 / 2


def reference(x, boxes, mask, thresh=0.6, cost=ce):
    total, sides = 0.0, ANCHORS / [32 * W, 32 * H]
    for image, truth in zip(x.reshape(-1, len(mask), 5 + K, H, W), boxes, strict=True):
        truth = [box for box in truth if box[3] > 0]
        owner, classes = {}, {}
        for box in truth:
            j, i = min(int(box[1] * W), W - 1), min(int(box[2] * H), H - 1)
            best = int(np.argmax([overlap((0, 0, *box[3:]), (0, 0, *side)) for side in sides]))
            if best in mask:
                at = mask.index(best), i, j
                owner[at] = box
                classes.setdefault(at, np.zeros(K))[int(box[0])] = 1
        for at in np.ndindex(len(mask), H, W):
            a, i, j = at
            p, side = image[a, :, i, j], sides[mask[a]]
            told = (j + sigmoid(p[0])) / W, (i + sigmoid(p[1])) / H, *(side * np.exp(p[2:4]))
            if at not in owner:
                if all(overlap(told, box[1:]) <= thresh for box in truth):
                    total += cost(p[4], 0)
                continue
            box = owner[at]
            place = cost(p[0], box[1] * W - j) + cost(p[1], box[2] * H - i)
            place += ((p[2:4] - np.log(box[3:] / side)) ** 2).sum() / 2
            total += 3 * (2 - box[3] * box[4]) * place
            total += (1 if cost is ce else 5) * cost(p[4], 1)  # the fork scales the second alone
            total += 2 * cost(p[5:], classes[at]).sum()
    return total / len(boxes)


@pytest.mark.parametrize("mask", [(1, 2), (0, 1), (2, 0)])
@pytest.mark.parametrize("fields", ["", "thresh: 0.1", "use_logic_gradient: true"])
def test_matches_reference(device, rng, mask, fields):
    x = rng.standard_normal(X)
    layer, bottom, top = build(text(f"{SCALES} {fields}", mask), device, x, BOXES)
    layer.run_forward(bottom, top)
    cost = squares if "logic" in fields else ce
    expected = reference(x, BOXES, mask, 0.1 if "thresh" in fields else 0.6, cost)
    assert float(device.to_numpy(top[0].data)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("fields", ["", "thresh: 0.1", "use_logic_gradient: true"])
def test_gradient(device, rng, fields):
    layer, bottom, top = build(text(f"{SCALES} {fields}"), device, rng.standard_normal(X), BOXES)
    check_gradient(layer, bottom, top, checked=[0], samples=150)


def test_each_object_is_for_one_scale(device, rng):
    """Of the three, two are for the larger anchors and one is for the smallest."""
    boxes, found = BOXES.copy(), []
    boxes[1, 0, 3:] = 0.07, 0.08
    for mask in ((1, 2), (0,)):
        x = rng.standard_normal((2, len(mask) * (5 + K), H, W))
        layer, bottom, top = build(text(mask=mask, num=len(mask)), device, x, boxes)
        layer.run_forward(bottom, top)
        layer.run_backward(top, [True, False], bottom)
        dx = device.to_numpy(bottom[0].diff).reshape(2, len(mask), 5 + K, H, W)
        found.append(int((dx[:, :, 2] != 0).sum()))
    assert found == [2, 1]


def test_of_two_objects_for_one_box_the_classes_are_both(device, rng):
    x, twice = rng.standard_normal(X), BOXES.copy()
    twice[0, 1] = twice[0, 0]
    twice[0, 1, 0] = 1
    layer, bottom, top = build(text(), device, x, twice)
    layer.run_forward(bottom, top)
    found = float(device.to_numpy(top[0].data))
    assert found == pytest.approx(reference(x, twice, (1, 2)), rel=1e-9)


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal(X), BOXES)
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False, False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize(
    ("definition", "shape", "error", "message"),
    [
        (text(mask=(1,)), X, LayerConfigError, "mask is given 1 times, expected 2: num tells"),
        (text(mask=(1, 3)), X, LayerConfigError, r"mask is 3, expected 0..2"),
        (text("biases: 3"), X, LayerConfigError, "biases is given 7 times, expected 6"),
        (text().replace(": 32 b", ": 0 b"), X, LayerConfigError, "anchors_scale is 0, expected"),
        (text("use_focal_loss: true"), X, LayerConfigError, "use_focal_loss is true, expected fal"),
        (text("coord_scale: -2"), X, LayerConfigError, "coord_scale is -2, expected a finite"),
        (text("class_scale: inf"), X, LayerConfigError, "class_scale is inf, expected a finite"),
        (text(), (2, 24, H, W), ShapeError, r"\(2, 24, 4, 5\), expected \(N, 16, H, W\)"),
    ],
)
def test_refuses(device, definition, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Yolov3\): .*{message}"):
        build(definition, device, np.ones(shape), BOXES)
