"""SoftmaxWithLoss: against its formula, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError, ValueRangeError
from minicaffe.testing import check_gradient
from tests.build import build

SATURATED = 87.3365  # -log of the least probability: what logs of diverged nets show
LAYOUTS = {  # scores, labels, softmax_param
    "rows": ((4, 5), (4,), ""),
    "column of labels": ((4, 5), (4, 1, 1, 1), ""),
    "spatial": ((2, 5, 3, 4), (2, 1, 3, 4), ""),
    "last axis": ((2, 3, 5), (2, 3), "axis: 2"),
    "negative axis": ((2, 3, 5), (2, 3), "axis: -1"),
    "first axis": ((5, 3), (3,), "axis: 0"),
}
DIVISORS = {
    "": "VALID",
    "normalization: VALID": "VALID",
    "normalization: FULL": "FULL",
    "normalization: BATCH_SIZE": "BATCH_SIZE",
    "normalization: NONE": "NONE",
    "normalize: true": "VALID",
    "normalize: false": "BATCH_SIZE",
    "normalize: false normalization: FULL": "FULL",
}


def text(softmax="", loss="", rest=""):
    return f'type: "SoftmaxWithLoss" softmax_param {{ {softmax} }} loss_param {{ {loss} }} {rest}'


def reference(x, label, axis, mode, ignore=None):
    """The loss, and the softmax."""
    x = np.moveaxis(x, axis, -1)
    prob = np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)
    lost = []
    for row, index in zip(prob.reshape(-1, x.shape[-1]), label.reshape(-1), strict=True):
        if int(index) != ignore:
            lost.append(-np.log(row[int(index)]))
    outer = int(np.prod(np.moveaxis(prob, -1, axis).shape[: axis % x.ndim]))
    divisors = {"VALID": len(lost), "FULL": label.size, "BATCH_SIZE": outer, "NONE": 1}
    return sum(lost) / max(1, divisors[mode]), np.moveaxis(prob, -1, axis)


def inputs(rng, layout):
    scores, labels, softmax = LAYOUTS[layout]
    x = rng.standard_normal(scores) * 2
    label = rng.integers(0, 5, labels).astype(float)
    label.reshape(-1)[:3] = 2, 0, 4  # at least one to ignore, and one that is not
    return x, label, softmax


@pytest.mark.parametrize("tops", [1, 2])
@pytest.mark.parametrize("ignore", [None, 2])
@pytest.mark.parametrize("loss", DIVISORS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_matches_reference(device, rng, layout, loss, ignore, tops):
    x, label, softmax = inputs(rng, layout)
    fields = loss if ignore is None else f"{loss} ignore_label: {ignore}"
    layer, bottom, top = build(text(softmax, fields), device, x, label, tops=tops)
    layer.run_forward(bottom, top)
    axis = layer.param.softmax_param.axis
    expected, prob = reference(x, label, axis, DIVISORS[loss], ignore)
    assert top[0].shape == ()
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)
    if tops == 2:
        np.testing.assert_allclose(device.to_numpy(top[1].data), prob, rtol=1e-12)


@pytest.mark.parametrize("fields", ["", "ignore_label: 2", "normalization: NONE ignore_label: 0"])
@pytest.mark.parametrize("rest", ["", "loss_weight: 0.25"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient(device, rng, layout, rest, fields):
    x, label, softmax = inputs(rng, layout)
    check_gradient(*build(text(softmax, fields, rest), device, x, label), checked=[0])


@pytest.mark.parametrize("rest", ["", "loss_weight: 0.5 loss_weight: 0", "loss_weight: [2, 3]"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient_of_both_tops(device, rng, layout, rest):
    x, label, softmax = inputs(rng, layout)
    built = build(text(softmax, "ignore_label: 2", rest), device, x, label, tops=2)
    check_gradient(*built, checked=[0])


def test_labels_are_truncated_toward_zero(device):
    label = np.array([0.9, -0.9, 1.0])
    layer, bottom, top = build(text(), device, np.array([[0.0, 1, 0]] * 3), label)
    layer.run_forward(bottom, top)
    expected = (2 * 1.551444713932051 + 0.5514447139320511) / 3
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_saturates(device, dtype):
    x = np.array([[0.0, 1000, 0], [0, 0, 1e30]])
    layer, bottom, top = build(text(), device, x, np.array([0.0, 1]), dtype=dtype)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), SATURATED, atol=1e-4)
    layer.run_backward(top, [True, False], bottom)
    expected = [[-0.5, 0.5, 0], [0, -0.5, 0.5]]
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), expected, atol=1e-7)


@pytest.mark.parametrize("x", [[np.nan, 0, 1], [0, 1, np.nan]])
def test_nan_in_the_scores_is_nan_in_the_loss(device, x):
    layer, bottom, top = build(text(), device, np.array([x, [1, 2, 3]]), np.array([1.0, 1]))
    layer.run_forward(bottom, top)
    assert np.isnan(device.to_numpy(top[0].data))


@pytest.mark.parametrize("loss", ["", "normalization: FULL"])
def test_all_ignored_is_zero(device, rng, loss):
    x, label = rng.standard_normal((4, 5)), np.full(4, 255.5)
    layer, bottom, top = build(text(loss=f"ignore_label: 255 {loss}"), device, x, label)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    assert device.to_numpy(top[0].data) == 0
    assert (device.to_numpy(bottom[0].diff) == 0).all()


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal((2, 3)), np.array([0.0, 2]))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = bottom[1].diff[...] = 7
    layer.run_backward(top, [False, False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    layer.run_backward(top, [True, False], bottom)
    assert (device.to_numpy(bottom[1].diff) == 7).all()


def test_follows_its_bottoms_to_another_shape(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal((2, 3)), np.array([0.0, 2]))
    x, label = rng.standard_normal((4, 5)), np.array([4.0, 0, 2, 3])
    for blob, array in zip(bottom, (x, label), strict=True):
        blob.reshape(array.shape)
        blob.data[...] = device.xp.asarray(array)
    layer.run_forward(bottom, top)
    expected, _ = reference(x, label, 1, "VALID")
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)


def test_force_backward_reaches_the_scores_alone(device, rng):
    layer, _, _ = build(text(), device, rng.standard_normal((2, 3)), np.array([0.0, 2]))
    assert [layer.allow_force_backward(index) for index in (0, 1)] == [True, False]


@pytest.mark.parametrize(
    ("label", "place", "fields", "message"),
    [
        (3, 1, "", r"label 3 at row 1, expected 0\.\.2: bottom\[0\] has 3 class\(es\)"),
        (-1, 3, "", "label -1 at row 3, expected"),
        (np.nan, 0, "ignore_label: 255", r"label nan at row 0, expected 0\.\.2, or ignore_label"),
        (254, 2, "ignore_label: 255", r"label 254 at row 2, expected .*ignore_label \(255\)"),
        (np.inf, 2, "", "label inf at row 2"),
        (1e30, 2, "", r"label 1e\+30 at row 2"),
    ],
)
def test_refuses_a_label_that_is_no_class(device, rng, label, place, fields, message):
    labels = np.array([2.0, 0, 1, 2])
    labels[place] = label
    x = rng.standard_normal((4, 3))
    layer, bottom, top = build(text(loss=fields), device, x, labels, dtype=np.float32)
    with pytest.raises(ValueRangeError, match=rf"^layer 'it' .*: bottom\[1\] holds the {message}"):
        layer.run_forward(bottom, top)


def test_names_the_first_bad_label_of_many(device, rng):
    x, labels = rng.standard_normal((3, 2, 300, 70)), np.zeros((3, 300, 70))
    labels.reshape(3, -1)[1, 20345] = 2
    labels.reshape(3, -1)[1, 20346] = labels.reshape(3, -1)[2, 5] = 9
    layer, bottom, top = build(text(), device, x, labels)
    with pytest.raises(ValueRangeError, match="label 2 at row 1, position 20345, expected"):
        layer.run_forward(bottom, top)


def test_refuses_a_gradient_for_labels_when_run(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal((2, 3)), np.array([0.0, 2]))
    layer.run_forward(bottom, top)
    with pytest.raises(LayerConfigError, match=r"propagate_down\[1\] is true, expected false"):
        layer.run_backward(top, [True, True], bottom)


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        (text(), [(4, 5), (3,)], ShapeError, r"\(3,\), 3 label\(s\), expected 4, as in \(4,\)"),
        (text(), [(2, 5, 3, 4), (2,)], ShapeError, r"expected 24, as in \(2, 3, 4\): bottom\[0\]"),
        (text(), [(4, 5), (4, 5)], ShapeError, "a label is the number of a class"),
        (text(), [(4,), (4, 5)], ShapeError, "axis is 1, expected one of the 1"),
        (text(), [(4, 1), (4, 5)], ShapeError, "in the wrong order"),
        (text(), [(4, 0), (4,)], ShapeError, "expected a class along axis 1"),
        (text(), [(4, 5)], BlobCountError, r"1 bottom blob\(s\), expected 2"),
        (text(rest="loss_weight: [1, 1]"), [(4, 5), (4,)], LayerConfigError, "given 2 time"),
        (
            text(rest="propagate_down: true propagate_down: true"),
            [(4, 5), (4,)],
            LayerConfigError,
            r"propagate_down\[1\] is true, expected false: bottom\[1\] holds labels",
        ),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(SoftmaxWithLoss\): .*{message}"):
        build(definition, device, *map(np.zeros, shapes))


WEIGHTS = [0.25, 3, 1.5, 0, 2]
CLASSES = " ".join(f"class_weighting: {weight}" for weight in WEIGHTS)
WEIGHTED = {
    "weights": (f"weight_by_label_freqs: true {CLASSES}", WEIGHTS, 0),
    "smoothing": ("label_smoothing: 0.125", [1] * 5, 0.125),
    "both": (f"weight_by_label_freqs: true {CLASSES} label_smoothing: 0.25", WEIGHTS, 0.25),
}


def weighted_reference(x, label, axis, weights, smoothing, ignore):
    """The sum over positions that count, and how many they are."""
    x = np.moveaxis(x, axis, -1)
    total, count = 0.0, 0
    for row, index in zip(x.reshape(-1, 5), label.reshape(-1).astype(int), strict=True):
        if index != ignore:
            wanted = np.full(5, smoothing / 5)
            wanted[index] += 1 - smoothing
            log = row - np.log(np.exp(row).sum())
            total -= weights[index] * (wanted * log).sum()
            count += 1
    return total, count


@pytest.mark.parametrize("ignore", [None, 2])
@pytest.mark.parametrize("mode", ["VALID", "FULL", "BATCH_SIZE", "NONE"])
@pytest.mark.parametrize("case", WEIGHTED)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_weights_and_smoothing(device, rng, layout, case, mode, ignore):
    x, label, softmax = inputs(rng, layout)
    loss, weights, smoothing = WEIGHTED[case]
    fields = f"{loss} normalization: {mode}"
    fields += "" if ignore is None else f" ignore_label: {ignore}"
    layer, bottom, top = build(text(softmax, fields), device, x, label)
    layer.run_forward(bottom, top)
    axis = layer.param.softmax_param.axis
    total, count = weighted_reference(x, label, axis, weights, smoothing, ignore)
    outer = int(np.prod(x.shape[: axis % x.ndim]))
    divisor = {"VALID": count, "FULL": label.size, "BATCH_SIZE": outer, "NONE": 1}[mode]
    np.testing.assert_allclose(device.to_numpy(top[0].data), total / divisor, rtol=1e-12)


@pytest.mark.parametrize("tops", [1, 2])
@pytest.mark.parametrize("case", WEIGHTED)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient_of_weights_and_smoothing(device, rng, layout, case, tops):
    x, label, softmax = inputs(rng, layout)
    fields = f"{WEIGHTED[case][0]} ignore_label: 2"
    check_gradient(*build(text(softmax, fields), device, x, label, tops=tops), checked=[0])


def test_weights_by_hand(device):
    """Two equal classes lose log 2 each: 0.5 and 3 times, over two positions."""
    fields = "weight_by_label_freqs: true class_weighting: 0.5 class_weighting: 3"
    layer, bottom, top = build(text(loss=fields), device, np.zeros((2, 2)), np.array([0.0, 1]))
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), 1.75 * np.log(2))
    layer.run_backward(top, [True, False], bottom)
    expected = [[-0.125, 0.125], [0.75, -0.75]]
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), expected)


def test_smoothing_has_no_gradient_at_its_own_distribution(device):
    x = np.log([[0.7, 0.1, 0.1, 0.1]])
    layer, bottom, top = build(text(loss="label_smoothing: 0.4"), device, x, np.zeros(1))
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), 0, atol=1e-8)


@pytest.mark.parametrize("case", WEIGHTED)
def test_weighted_scores_may_be_extreme(device, case):
    x = np.array([[0.0, 1e4, 0, 0, 0], [0, 0, -1e4, 0, 0]])
    layer, bottom, top = build(text(loss=WEIGHTED[case][0]), device, x, np.array([0.0, 2]))
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    assert np.isfinite(device.to_numpy(top[0].data))
    assert np.isfinite(device.to_numpy(bottom[0].diff)).all()


def test_weighted_refuses_a_label_that_is_no_class(device, rng):
    labels, x = np.array([2.0, 0, 5, 7]), rng.standard_normal((4, 5))
    layer, bottom, top = build(text(loss=WEIGHTED["both"][0]), device, x, labels)
    with pytest.raises(ValueRangeError, match="label 5 at row 2, expected"):
        layer.run_forward(bottom, top)


def test_class_weighting_alone_is_not_read(device, rng, caplog):
    x, label, _ = inputs(rng, "rows")
    layer, bottom, top = build(text(loss=CLASSES), device, x, label)
    layer.run_forward(bottom, top)
    expected, _ = reference(x, label, 1, "VALID")
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected)
    assert "which is not read without weight_by_label_freqs" in caplog.text


@pytest.mark.parametrize(
    ("softmax", "loss", "error", "message"),
    [
        ("", "weight_by_label_freqs: true", LayerConfigError, "class_weighting is missing"),
        (
            "",
            "weight_by_label_freqs: true class_weighting: 1 class_weighting: 2",
            ShapeError,
            r"given 2 time\(s\), expected 5, one a class",
        ),
        (
            "",
            f"weight_by_label_freqs: true {CLASSES} class_weighting: 1",
            ShapeError,
            r"given 6 time\(s\), expected 5",
        ),
        (
            "",
            "weight_by_label_freqs: true class_weighting: 1 class_weighting: -2",
            LayerConfigError,
            r"class_weighting\[1\] is -2, expected",
        ),
        ("", "label_smoothing: 1", LayerConfigError, "is 1, expected 0 <= label_smoothing < 1"),
        ("", "label_smoothing: -0.5", LayerConfigError, "is -0.5, expected 0 <="),
        ("", "label_smoothing: nan", LayerConfigError, "is nan, expected 0 <="),
        ("temperature: 2", "", LayerConfigError, "temperature is 2, expected 1"),
    ],
)
def test_refuses_weights(device, softmax, loss, error, message):
    with pytest.raises(error, match=message):
        build(text(softmax, loss), device, np.zeros((4, 5)), np.zeros(4))
