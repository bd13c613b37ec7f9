"""MultiBoxLoss: worked by hand, gradients, mining, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.boxes.codes import CENTER_SIZE, CORNER, CORNER_SIZE, encode
from minicaffe.errors import LayerConfigError, ShapeError, ValueRangeError
from minicaffe.testing import check_gradient
from tests.build import build

# two prior boxes, one object: the first box overlaps it by 0.8, the second by nothing
PRIORS = np.array([[0, 0, 0.4, 0.5], [0.5, 0.5, 0.9, 0.9]])
VARIANCES = np.array([[0.1, 0.1, 0.2, 0.2], [0.1, 0.1, 0.2, 0.2]])
ROW = np.array([[0, 1, 0, 0, 0, 0.4, 0.4, 0]])
OFFSETS = np.array([[0.5, -3, 0, 1, 9, 9, 9, 9.0]])
SCORES = np.log(np.array([[1, 3, 1, 1.0]]))  # of three quarters, and of a half
NONE = np.full((1, 8), -1.0)


def text(fields="", rest=""):
    fields += "" if "num_classes" in fields else " num_classes: 2"
    return f'type: "MultiBoxLoss" multibox_loss_param {{ {fields} }} {rest}'


def prior_blob(priors=PRIORS, variances=VARIANCES):
    return np.stack([priors, variances]).reshape(1, 2, -1)


def make(device, fields="", rest="", offsets=OFFSETS, scores=SCORES, priors=None, rows=ROW):
    priors = prior_blob() if priors is None else priors
    return build(text(fields, rest), device, offsets, scores, priors, rows[None, None])


def loss(device, *args, **kwargs):
    layer, bottom, top = make(device, *args, **kwargs)
    layer.run_forward(bottom, top)
    return float(device.to_numpy(top[0].data))


def test_by_hand(device):
    # the offsets that tell the object are 0, 0, 0, -0.1 / 0.2 = -0.5; 1 is 1.5 from that
    located = 0.5 * 0.5**2 + (3 - 0.5) + 0 + (1.5 - 0.5)
    classes = -np.log(0.75) - np.log(0.5)  # and one negative, though three are allowed
    assert loss(device) == pytest.approx(located + classes)
    assert loss(device, "loc_weight: 2") == pytest.approx(2 * located + classes)
    squares = (0.5**2 + 3**2 + 1.5**2) / 2
    assert loss(device, "loc_loss_type: L2") == pytest.approx(squares + classes)
    positive = located - np.log(0.75)
    assert loss(device, "neg_pos_ratio: 0.5") == pytest.approx(positive)

    def logistic(x, t):
        return np.log1p(np.exp(x)) - t * x

    both = logistic(0, 0) + logistic(np.log(3), 1) + logistic(0, 1) + logistic(0, 0)
    assert loss(device, "conf_loss_type: LOGISTIC") == pytest.approx(located + both)


@pytest.mark.parametrize(
    ("mode", "divisor"), [("VALID", 3), ("FULL", 4), ("BATCH_SIZE", 2), ("NONE", 1)]
)
def test_divisor(device, mode, divisor):
    rows = np.concatenate([ROW, ROW, ROW])  # the second image has two objects, and two boxes
    rows[1:, 0], rows[2, 3:7] = 1, [0.5, 0.5, 0.9, 0.9]
    rest = f"loss_param {{ normalization: {mode} }}"
    zeros = np.zeros((2, 8)), np.zeros((2, 4))
    args = {"offsets": zeros[0], "scores": zeros[1], "rows": rows}
    located = 2 * 0.5**2 / 2
    assert loss(device, "", rest, **args) == pytest.approx((located + 4 * np.log(2)) / divisor)


def test_the_background_may_be_any_class(device):
    rows, scores = ROW.copy(), np.log([[1, 3, 5, 1.0]])
    rows[0, 1] = 0
    expected = loss(device, scores=scores)
    scores = scores[:, [1, 0, 3, 2]]
    assert loss(device, "background_label_id: 1", rows=rows, scores=scores) == expected


def test_offsets_may_leave_the_variance_out(device):
    offsets = OFFSETS * VARIANCES.reshape(1, 8)
    found = loss(device, "encode_variance_in_target: true", offsets=offsets)
    assert found == pytest.approx(loss(device))


def test_no_objects_at_all(device):
    layer, bottom, top = make(device, rows=NONE)
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data) == 0
    layer.run_backward(top, [True, True, False, False], bottom)
    assert not device.to_numpy(bottom[0].diff).any()
    assert not device.to_numpy(bottom[1].diff).any()
    everything = -np.log(0.25) - np.log(0.5)
    assert loss(device, "mining_type: NONE", rows=NONE) == pytest.approx(everything)
    assert loss(device, rows=np.empty((0, 8))) == 0


def test_do_neg_mining_is_the_old_name(device):
    assert loss(device, "do_neg_mining: false", rows=NONE) > 0
    assert loss(device, "do_neg_mining: true", rows=NONE) == 0


def test_difficult_objects(device):
    rows = ROW.copy()
    rows[0, 7] = 1
    assert loss(device, rows=rows) == loss(device)
    assert loss(device, "use_difficult_gt: false", rows=rows) == 0


def test_what_is_switched_off_is_no_part(device):
    flags = "propagate_down: {} propagate_down: {} propagate_down: false propagate_down: false"
    located, classes = 3.625, -np.log(0.75) - np.log(0.5)
    assert loss(device, rest=flags.format("false", "true")) == pytest.approx(classes)
    assert loss(device, rest=flags.format("true", "false")) == pytest.approx(located)


def test_bipartite(device):
    near = np.array([[0, 0, 0.4, 0.5], [0, 0, 0.4, 0.6]])  # overlaps of 0.8 and of 2 / 3
    args = {"priors": prior_blob(near), "offsets": np.zeros((1, 8)), "scores": np.zeros((1, 4))}
    both = (0.125 + 0.5 + 2 * np.log(2)) / 2  # -0.1 / 0.2, and -0.2 / 0.2
    assert loss(device, **args) == pytest.approx(both)
    one = 0.125 + np.log(2)  # the second is no background: it overlaps too much
    assert loss(device, "match_type: BIPARTITE", **args) == pytest.approx(one)
    assert loss(device, "overlap_threshold: 0.7", **args) == pytest.approx(one)


def test_border(device):
    out = np.array([[-0.1, 0, 0.4, 0.4], [0, 0, 0.4, 0.2]])
    args = {"priors": prior_blob(out), "offsets": np.zeros((1, 8)), "scores": np.zeros((1, 4))}
    fields = "ignore_cross_boundary_bbox: true"
    assert loss(device, fields, **args) == pytest.approx(0.5 + np.log(2))  # 1 of the second
    # without it the first is matched too, by 0.1 / 0.1 off
    assert loss(device, **args) == pytest.approx((0.5 + 0.5 + 2 * np.log(2)) / 2)
    # and with bp_inside that counts no more
    assert loss(device, "bp_inside: true", **args) == pytest.approx((0.5 + 2 * np.log(2)) / 2)
    # the same at the other side: 0.6 to 1.1 is -0.1 / 0.2 off
    args["priors"] = prior_blob(np.array([[0.6, 0.6, 1.1, 1], [0.6, 0.75, 1, 1]]))
    args["rows"] = np.array([[0, 1, 0, 0.6, 0.6, 1, 1, 0]])
    both = 0.125 + 1 + 2 * np.log(2)  # the second is 0.15 / 0.1 off
    assert loss(device, **args) == pytest.approx(both / 2)
    assert loss(device, "bp_inside: true", **args) == pytest.approx((both - 0.125) / 2)


def test_matches_what_is_predicted(device):
    """The offsets move the second box onto the object, and the first away."""
    offsets = np.concatenate([[5.0] * 4, (ROW[0, 3:7] - PRIORS[1]) / VARIANCES[1]])[None]
    fields = "use_prior_for_matching: false neg_pos_ratio: 0"
    assert loss(device, fields, offsets=offsets) == pytest.approx(np.log(2))


def test_objects_may_be_one_class(device):
    rows = ROW.copy()
    rows[0, 1] = 2
    args = {"offsets": np.zeros((1, 8)), "scores": np.array([[0, 5, 0, 0, 0, 0.0]]), "rows": rows}
    agnostic = loss(device, "num_classes: 3 map_object_to_agnostic: true", **args)
    assert loss(device, "num_classes: 3", **args) == pytest.approx(agnostic + 5)


def priors_of_many(rng):
    corners = rng.random((9, 2)) * 0.6
    boxes = np.concatenate([corners, corners + 0.2 + 0.2 * rng.random((9, 2))], 1)
    return boxes, 0.1 + 0.1 * rng.random((9, 4))


OBJECTS = np.array(
    [
        [0, 2, 0, 0.1, 0.1, 0.5, 0.45, 0],
        [2, 1, 0, 0.2, 0.3, 0.5, 0.65, 0],
        [2, 2, 0, 0.5, 0.4, 0.85, 0.75, 1],
    ]
)


@pytest.mark.parametrize("code", ["CORNER", "CENTER_SIZE", "CORNER_SIZE"])
@pytest.mark.parametrize(
    "fields",
    [
        "",
        "mining_type: NONE conf_loss_type: LOGISTIC",
        "mining_type: NONE share_location: false",
        "mining_type: HARD_EXAMPLE sample_size: 5 loc_loss_type: L2",
        "encode_variance_in_target: true loc_weight: 0.5 bp_inside: true",
        "encode_variance_in_target: true loc_loss_type: L2",
        "conf_loss_type: LOGISTIC nms_param { nms_threshold: 0.4 } use_prior_for_nms: true",
        "neg_pos_ratio: 1 overlap_threshold: 0.2 map_object_to_agnostic: true",
        "background_label_id: 0 match_type: BIPARTITE loc_loss_type: L2 bp_inside: true",
    ],
)
def test_gradient(device, rng, code, fields):
    boxes, variances = priors_of_many(rng)
    locations = 3 if "share_location: false" in fields else 1
    offsets = 2 * rng.standard_normal((3, 9 * locations * 4))
    layer, bottom, top = make(
        device,
        f"num_classes: 3 code_type: {code} {fields}",
        "loss_weight: 1.5",
        offsets=offsets,
        scores=rng.standard_normal((3, 27)),
        priors=prior_blob(boxes, variances),
        rows=OBJECTS,
    )
    check_gradient(layer, bottom, top, checked=[0, 1], step=1e-5, samples=25)
    assert device.to_numpy(bottom[0].diff).any()
    assert device.to_numpy(bottom[1].diff).any()


def test_gradient_is_only_where_something_counts(device):
    layer, bottom, top = make(device, "neg_pos_ratio: 0")
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, True, False, False], bottom)
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), [[0.5, -1, 0, 1, 0, 0, 0, 0]])
    np.testing.assert_allclose(device.to_numpy(bottom[1].diff), [[0.25, -0.25, 0, 0]], atol=1e-12)


def test_each_class_has_a_location(device):
    """The offsets of class 1 alone are compared, of the box that is matched."""
    offsets = np.full((1, 16), 7.0)
    offsets[0, 4:8] = OFFSETS[0, :4]
    fields = "share_location: false mining_type: NONE"
    classes = -np.log(0.75) - np.log(0.5)
    assert loss(device, fields, offsets=offsets) == pytest.approx(3.625 + classes)


def test_hard_examples_are_chosen_by_both_losses(device):
    scores = np.log([[1, 1, 1, 99.0]])  # the second box, which is unmatched, loses log(100)
    fields = "mining_type: HARD_EXAMPLE sample_size: 1"
    far = OFFSETS * 10
    positive = loss(device, "neg_pos_ratio: 0", offsets=far, scores=scores)
    assert loss(device, fields, offsets=far, scores=scores) == pytest.approx(positive)
    negative = np.log(100)  # and there is no match left: it is divided by 1
    args = {"offsets": np.zeros((1, 8)), "scores": scores}
    assert loss(device, fields, **args) == pytest.approx(negative)
    assert loss(device, fields.replace("1", "2"), **args) == pytest.approx(
        0.125 + np.log(2) + negative
    )


def test_suppression_takes_near_negatives_as_one(device):
    boxes = np.array([[0, 0, 0.4, 0.5], [0.5, 0.5, 0.9, 0.9], [0.5, 0.5, 0.9, 0.8], [0, 0.6, 1, 1]])
    args = {
        "offsets": np.zeros((1, 16)),
        "scores": np.log([[1, 1, 1, 2, 1, 3, 1, 1.0]]),
        "priors": prior_blob(boxes, np.tile(VARIANCES, (2, 1))),
    }
    base = 0.125 + np.log(2)
    two = "neg_pos_ratio: 2 "
    assert loss(device, two, **args) == pytest.approx(base + np.log(4) + np.log(3))
    left = two + "nms_param { nms_threshold: 0.5 }"
    assert loss(device, left, **args) == pytest.approx(base + np.log(4) + np.log(2))
    one = left.replace("ratio: 2", "ratio: 1")
    assert loss(device, one, **args) == pytest.approx(base + np.log(4))


@pytest.mark.parametrize("code", [CORNER, CENTER_SIZE, CORNER_SIZE])
def test_the_right_offsets_lose_nothing(device, code):
    told = encode(ROW[:, 3:7].astype(float), PRIORS[:1], code, VARIANCES[:1])
    offsets = np.concatenate([told, np.full((1, 4), 3.0)], 1)
    fields = f"code_type: {code} neg_pos_ratio: 0"
    assert loss(device, fields, offsets=offsets) == pytest.approx(-np.log(0.75))
    fields += " encode_variance_in_target: true"
    offsets[:, :4] *= VARIANCES[:1]
    assert loss(device, fields, offsets=offsets) == pytest.approx(-np.log(0.75))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ("num_classes: 0", "num_classes is 0"),
        ("background_label_id: 2", "background_label_id is 2, expected 0..1"),
        ("background_label_id: 1 map_object_to_agnostic: true", "expected at least 3"),
        ("share_location: false", "share_location is false with mining"),
        ("neg_pos_ratio: -1", "neg_pos_ratio is -1, expected a finite number of 0 or more"),
        ("neg_pos_ratio: inf", "neg_pos_ratio is inf, expected a finite number"),
        ("loc_weight: nan", "loc_weight is nan, expected a finite number of 0 or more"),
        ("sample_size: 0", "sample_size is 0"),
        ("nms_param { eta: 0 }", "eta is 0"),
    ],
)
def test_refuses_definitions(device, fields, says):
    with pytest.raises(LayerConfigError, match=says):
        make(device, fields)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"offsets": np.zeros((1, 12))}, r"bottom\[0\] has shape \(1, 12\), expected \(1, 8\)"),
        ({"scores": np.zeros((2, 4))}, r"bottom\[1\] has shape \(2, 4\), expected \(1, 4\)"),
        ({"priors": np.zeros((1, 8))}, r"bottom\[2\] has shape"),
        ({"rows": np.zeros((1, 7))}, r"bottom\[3\] has shape"),
    ],
)
def test_refuses_shapes(device, args, says):
    with pytest.raises(ShapeError, match=says):
        make(device, **args)


def test_refuses_labels_and_gradients(device):
    rows = ROW.copy()
    rows[0, 1] = 2
    layer, bottom, top = make(device, rows=rows)
    with pytest.raises(ValueRangeError, match=r"the label 2, expected 0\.\.1"):
        layer.run_forward(bottom, top)
    with pytest.raises(LayerConfigError, match=r"propagate_down\[3\] is true"):
        make(device, rest="propagate_down: [true, true, false, true]")
