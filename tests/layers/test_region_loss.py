"""RegionLoss: against loops over boxes, its gradient, what is matched, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError, ValueRangeError
from minicaffe.testing import check_gradient
from tests.build import build

ANCHORS = [(1.0, 1.5), (3.0, 2.0)]  # in cells
K, H, W = 3, 4, 5
X = (2, 2 * (5 + K), H, W)
BOXES = np.array(  # class, centre, sides
    [
        [[2, 0.31, 0.3, 0.2, 0.4], [0, 0.75, 0.62, 0.6, 0.45], [0, 0, 0, 0, 0]],
        [[1, 0.99, 1.0, 0.15, 0.2], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
    ]
)
SCALES = "object_scale: 5 noobject_scale: 0.5 class_scale: 2 coord_scale: 3"


def text(fields=SCALES, anchors=ANCHORS, num=2):
    fields += "" if "thresh" in fields else " thresh: 0.6"
    biases = " ".join(f"biases: {side}" for pair in anchors for side in pair)
    more = f"num_class: {K} num: {num} {biases} {fields}"
    return f'type: "RegionLoss" region_loss_param {{ {more} }}'


def annotated(boxes):
    """As AnnotatedData gives them."""
    rows = [
        [image, box[0] + 1, 0, *(box[1:3] - box[3:] / 2), *(box[1:3] + box[3:] / 2), 0]
        for image, own in enumerate(boxes)
        for box in own
        if box[3] > 0
    ]
    return np.array(rows).reshape(1, 1, -1, 8)


def overlap(a, b):
    """Of two boxes as centre and sides."""
    sides = [
        min(a[i] + a[2 + i] / 2, b[i] + b[2 + i] / 2)
        - max(a[i] - a[2 + i] / 2, b[i] - b[2 + i] / 2)
        for i in (0, 1)
    ]
    shared = max(sides[0], 0) * max(sides[1], 0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def reference(x, boxes, *, rescore=True, bias_match=True, softmax=True, thresh=0.6):
    """The loss, box by box."""
    total = 0.0
    for image, truth in zip(x.reshape(-1, 2, 5 + K, H, W), boxes, strict=True):
        truth = [box for box in truth if box[3] > 0]
        told = {}
        for a, i, j in np.ndindex(2, H, W):
            p = image[a, :, i, j]
            told[a, i, j] = (
                (j + sigmoid(p[0])) / W,
                (i + sigmoid(p[1])) / H,
                ANCHORS[a][0] / W * np.exp(p[2]),
                ANCHORS[a][1] / H * np.exp(p[3]),
            )
        owner = {}
        for box in truth:
            j, i = min(int(box[1] * W), W - 1), min(int(box[2] * H), H - 1)
            sides = [
                (0, 0, ANCHORS[a][0] / W, ANCHORS[a][1] / H)
                if bias_match
                else (0, 0, *told[a, i, j][2:])
                for a in (0, 1)
            ]
            best = int(np.argmax([overlap((0, 0, *box[3:]), side) for side in sides]))
            owner[best, i, j] = box
        for at in np.ndindex(2, H, W):
            a, i, j = at
            p = image[a, :, i, j]
            if at not in owner:
                if all(overlap(told[at], box[1:]) <= thresh for box in truth):
                    total += 0.5 * sigmoid(p[4]) ** 2 / 2
                continue
            box = owner[at]
            place = (
                (sigmoid(p[0]) - (box[1] * W - j)) ** 2
                + (sigmoid(p[1]) - (box[2] * H - i)) ** 2
                + (p[2] - np.log(box[3] * W / ANCHORS[a][0])) ** 2
                + (p[3] - np.log(box[4] * H / ANCHORS[a][1])) ** 2
            )
            total += 3 * (1 if rescore else 2 - box[3] * box[4]) * place / 2
            score = overlap(told[at], box[1:]) if rescore else 1
            total += 5 * (sigmoid(p[4]) - score) ** 2 / 2
            if softmax:
                total += 2 * (np.log(np.exp(p[5:]).sum()) - p[5 + int(box[0])])
            else:
                right = sigmoid(p[5:] * np.where(np.arange(K) == box[0], 1, -1))
                total -= 2 * np.log(right).sum()
    return total / len(boxes)


def run(device, x, labels, fields=SCALES):
    layer, bottom, top = build(text(fields), device, x, labels)
    layer.run_forward(bottom, top)
    return float(device.to_numpy(top[0].data)), layer, bottom, top


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ("", {}),
        ("rescore: 0", {"rescore": False}),
        ("bias_match: 0", {"bias_match": False}),
        ("softmax: 0", {"softmax": False}),
        ("thresh: 0.1", {"thresh": 0.1}),
    ],
)
@pytest.mark.parametrize("form", ["darknet", "annotated"])
def test_matches_reference(device, rng, fields, options, form):
    x = rng.standard_normal(X)
    labels = BOXES.reshape(2, 1, 1, 15) if form == "darknet" else annotated(BOXES)
    found, *_ = run(device, x, labels, f"{SCALES} {fields}")
    assert found == pytest.approx(reference(x, BOXES, **options), rel=1e-9)


@pytest.mark.parametrize(
    "fields", ["rescore: 0", "rescore: 0 softmax: 0 bias_match: 0 thresh: 0.1"]
)
def test_gradient(device, rng, fields):
    """Of a score that is not the overlap: that has no gradient."""
    x = rng.standard_normal(X)
    layer, bottom, top = build(text(f"{SCALES} {fields}"), device, x, BOXES)
    check_gradient(layer, bottom, top, checked=[0], samples=150)


def test_the_overlap_has_no_gradient(device, rng):
    """With ``rescore`` the score's own part of the gradient is another, and places count less."""
    x = rng.standard_normal(X)
    found = []
    for fields in ("rescore: 0", "rescore: 1"):
        _, layer, bottom, top = run(device, x, BOXES, f"{SCALES} {fields}")
        layer.run_backward(top, [True, False], bottom)
        found.append(device.to_numpy(bottom[0].diff).reshape(2, 2, 5 + K, H, W).copy())
    np.testing.assert_array_equal(found[0][:, :, 5:], found[1][:, :, 5:])
    places = [each[:, :, :4][found[0][:, :, :4] != 0].reshape(-1, 3) for each in found]
    areas = [box[3] * box[4] for box in BOXES.reshape(-1, 5) if box[3] > 0]
    factors = np.unique((places[0] / places[1]).round(9))
    np.testing.assert_allclose(factors, np.sort(2 - np.array(areas)), rtol=1e-6)
    away = np.argwhere(found[0][:, :, 4] != found[1][:, :, 4])
    assert len(away) == 3  # the boxes of three objects


def test_what_a_definition_leaves_out(device, rng):
    """The fork's defaults, which are not darknet's."""
    x = rng.standard_normal(X)
    fields = "object_scale: 1 noobject_scale: 0.5 class_scale: 1 coord_scale: 5 thresh: 0.2"
    given = f"{fields} rescore: 1 bias_match: 1 softmax: 1 coords: 4"
    losses = [run(device, x, BOXES, each)[0] for each in (given, "thresh: 0.2")]
    assert losses[0] == losses[1]


def test_a_perfect_prediction_costs_nothing(device):
    x = np.full(X, -30.0).reshape(2, 2, 5 + K, H, W)
    for image, (label, px, py, w, h) in ((0, BOXES[0, 0]), (0, BOXES[0, 1]), (1, BOXES[1, 0])):
        j, i = min(int(px * W), W - 1), min(int(py * H), H - 1)
        a = 1 if w > 0.5 else 0
        inside = np.clip([px * W - j, py * H - i], 1e-9, 1 - 1e-9)
        x[image, a, :2, i, j] = np.log(inside / (1 - inside))
        x[image, a, 2:4, i, j] = np.log([w * W / ANCHORS[a][0], h * H / ANCHORS[a][1]])
        x[image, a, 4, i, j] = 30
        x[image, a, 5 + int(label), i, j] = 30
    assert run(device, x.reshape(X), BOXES)[0] == pytest.approx(0, abs=1e-9)


def test_an_image_without_an_object(device, rng):
    x = rng.standard_normal(X)
    none = np.zeros((2, 3, 5))
    found, layer, bottom, top = run(device, x, none)
    assert found == pytest.approx(reference(x, none))
    layer.run_backward(top, [True, False], bottom)
    dx = device.to_numpy(bottom[0].diff).reshape(2, 2, 5 + K, H, W)
    assert not np.delete(dx, 4, 2).any()
    assert (dx[:, :, 4] > 0).all()
    assert run(device, x, np.zeros((1, 1, 0, 8)))[0] == found


def test_of_two_objects_for_one_box_the_last_counts(device, rng):
    x = rng.standard_normal(X)
    twice = BOXES.copy()
    twice[0, 1] = twice[0, 0]
    twice[0, 1, 0] = 1
    assert run(device, x, twice)[0] == pytest.approx(reference(x, twice))


def test_leaves_what_is_not_asked_for(device, rng):
    _, layer, bottom, top = run(device, rng.standard_normal(X), BOXES)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False, False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    assert [layer.allow_force_backward(i) for i in range(2)] == [True, False]


def test_the_weight_of_the_loss(device, rng):
    x = rng.standard_normal(X)
    found = []
    for weight in (1, 3):
        layer, bottom, top = build(f"{text()} loss_weight: {weight}", device, x, BOXES)
        layer.run_forward(bottom, top)
        layer.run_backward(top, [True, False], bottom)
        found.append(device.to_numpy(bottom[0].diff).copy())
    np.testing.assert_allclose(3 * found[0], found[1], rtol=1e-12)


def test_an_untrained_net_may_tell_endless_boxes(device):
    found, layer, bottom, top = run(device, np.full(X, 2000.0), BOXES, SCALES + " rescore: 0")
    assert np.isfinite(found)
    layer.run_backward(top, [True, False], bottom)
    assert np.isfinite(device.to_numpy(bottom[0].diff)).all()


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((0, 1, 0), 3, r"a box of class 3, expected 0..2"),
        ((0, 1, 0), -1, r"a box of class -1, expected 0..2"),
        ((0, 1, 0), np.nan, r"a box \[.*\], expected numbers"),
        ((1, 0, 3), np.nan, r"expected numbers: centre and sides"),
        ((1, 0, 1), np.inf, r"expected numbers: centre and sides"),
    ],
)
def test_refuses_labels(device, place, value, message):
    labels = BOXES.copy()
    labels[place] = value
    with pytest.raises(ValueRangeError, match=message):
        run(device, np.zeros(X), labels)


def test_refuses_another_image(device):
    labels = annotated(BOXES)
    labels[0, 0, 1, 0] = 2
    with pytest.raises(ValueRangeError, match=r"a box of image 2, expected 0..1"):
        run(device, np.zeros(X), labels)


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        (text(anchors=ANCHORS[:1]), [X, (2, 5)], LayerConfigError, "2 times, expected 4: .*num t"),
        (text(anchors=[(1, 0), (1, 1)]), [X, (2, 5)], LayerConfigError, "a bias is 0, expected"),
        (text("coords: 5"), [X, (2, 5)], LayerConfigError, "coords is 5, expected 4"),
        (text('softmax_tree: "a"'), [X, (2, 5)], LayerConfigError, "softmax_tree is 'a', expected"),
        (text('class_map: "a"'), [X, (2, 5)], LayerConfigError, "class_map is 'a', expected none"),
        (text("class_scale: -1"), [X, (2, 5)], LayerConfigError, "class_scale is -1, expected a"),
        (text(), [(2, 15, H, W), (2, 5)], ShapeError, r"expected \(N, 16, H, W\): 5 .* 3 classes"),
        (text(), [X[:3], (2, 5)], ShapeError, r"expected \(N, 16, H, W\)"),
        (text(), [X, (2, 4)], ShapeError, r"bottom\[1\] has shape \(2, 4\), expected \(1, 1, M, 8"),
        (text(), [X, (3, 5)], ShapeError, r"bottom\[1\] has shape \(3, 5\)"),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(RegionLoss\): .*{message}"):
        build(definition, device, *map(np.ones, shapes))


def test_refuses_a_gradient_for_its_labels(device):
    message = r"propagate_down\[1\] is true, expected false: bottom\[1\] holds boxes"
    with pytest.raises(LayerConfigError, match=message):
        build(f"{text()} propagate_down: true propagate_down: true", device, np.zeros(X), BOXES)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_where_nothing_is_asked_of_a_place_it_has_no_gradient(device, rng, value):
    """A loss that is a number beside a gradient that is none would hide where it comes from."""
    x = rng.standard_normal(X)
    x[0, 0, 0, 0] = value  # x of a box that has to find nothing
    layer, bottom, top = build(text(), device, x, BOXES)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    assert np.isfinite(device.to_numpy(top[0].data))
    gradient = device.to_numpy(bottom[0].diff)
    assert np.isfinite(gradient).all()
    assert gradient[0, 0, 0, 0] == 0
