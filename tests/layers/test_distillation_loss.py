"""DistillationLoss: its formula, its limits, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError, ValueRangeError
from minicaffe.testing import check_gradient
from tests.build import build

LAYOUTS = {  # scores, labels, axis
    "rows": ((4, 5), (4,), 1),
    "spatial": ((2, 5, 3, 4), (2, 1, 3, 4), 1),
    "last axis": ((2, 3, 5), (2, 3), -1),
}
MODES = ["VALID", "FULL", "BATCH_SIZE", "NONE"]


def text(fields="", loss="", axis="1", rest=""):
    return (
        f'type: "DistillationLoss" distillation_loss_param {{ {fields} }} '
        f"softmax_param {{ axis: {axis} }} loss_param {{ {loss} }} {rest}"
    )


def inputs(rng, layout):
    scores, labels, axis = LAYOUTS[layout]
    x, z = 2 * rng.standard_normal((2, *scores))
    label = rng.integers(0, 5, labels).astype(float)
    label.reshape(-1)[:3] = 2, 0, 4
    return x, z, label, axis


def log_softmax(x):
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def test_an_example_worked_by_hand(device):
    """At temperature 2 the teacher says 3/4 and 1/4, the student 1/2 each."""
    x, z, label = np.zeros((1, 2)), np.array([[2 * np.log(3), 0]]), np.zeros(1)
    made = build(text("temperature: 2 soft_weight: 0.25"), device, x, z, label)
    layer, bottom, top = made
    layer.run_forward(bottom, top)
    assert float(top[0].data) == pytest.approx(0.25 * 4 * np.log(2) + 0.75 * np.log(2), rel=1e-12)
    layer.run_backward(top, [True, False, False], bottom)
    found = device.to_numpy(bottom[0].diff)
    np.testing.assert_allclose(found, [[-0.125 - 0.375, 0.125 + 0.375]], rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_matches_formula(device, rng, layout, labels, mode):
    x, z, label, axis = inputs(rng, layout)
    fields, loss = "temperature: 3 soft_weight: 0.75", f"ignore_label: 2 normalization: {mode}"
    given = (x, z, label) if labels else (x, z)
    layer, bottom, top = build(text(fields, loss, axis), device, *given)
    layer.run_forward(bottom, top)
    outer = int(np.prod(x.shape[: axis % x.ndim]))
    x, z = (np.moveaxis(a, axis, -1).reshape(-1, 5) for a in (x, z))
    divisors = {"VALID": len(x), "FULL": len(x), "BATCH_SIZE": outer, "NONE": 1}
    soft = -(np.exp(log_softmax(z / 3)) * log_softmax(x / 3)).sum() / divisors[mode]
    expected = 0.75 * 9 * soft
    if labels:
        index = label.reshape(-1).astype(int)
        counted = index != 2
        divisors["VALID"] = counted.sum()
        hard = -log_softmax(x)[np.arange(len(x)), index][counted].sum() / divisors[mode]
        expected += 0.25 * hard
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)


@pytest.mark.parametrize("fields", ["", "temperature: 4 soft_weight: 0.3", "soft_weight: 0"])
@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient(device, rng, layout, labels, fields):
    x, z, label, axis = inputs(rng, layout)
    given = (x, z, label) if labels else (x, z)
    definition = text(fields, "ignore_label: 2", axis, "loss_weight: 0.5")
    check_gradient(*build(definition, device, *given), checked=[0])


def test_a_hot_teacher_is_matched_in_its_scores(device, rng):
    """The gradient tends to (x - z) / (classes N), of scores whose mean is 0."""
    x, z = 3 * rng.standard_normal((2, 4, 6))
    x, z = (a - a.mean(axis=1, keepdims=True) for a in (x, z))
    layer, bottom, top = build(text("temperature: 20000"), device, x, z)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    ratio = device.to_numpy(bottom[0].diff) * 24 / (x - z)
    np.testing.assert_allclose(ratio, 1, atol=0.01)


def test_the_teacher_itself_has_nothing_to_learn(device, rng):
    x = rng.standard_normal((3, 4))
    layer, bottom, top = build(text("temperature: 3"), device, x, x + 5)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), 0, atol=1e-15)


def test_labels_alone_are_softmax_loss(device, rng):
    x, z, label, _ = inputs(rng, "spatial")
    found = build(text("soft_weight: 0", "ignore_label: 2"), device, x, z, label)
    plain = 'type: "SoftmaxWithLoss" loss_param { ignore_label: 2 }'
    expected = build(plain, device, x, label)
    for layer, bottom, top in (found, expected):
        layer.run_forward(bottom, top)
        layer.run_backward(top, [index == 0 for index, _ in enumerate(bottom)], bottom)
    pairs = [(found[2][0].data, expected[2][0].data), (found[1][0].diff, expected[1][0].diff)]
    for one, other in pairs:
        np.testing.assert_allclose(*map(device.to_numpy, (one, other)), rtol=1e-12, atol=1e-15)


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, *rng.standard_normal((2, 3, 4)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False, False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_refuses_a_label_that_is_no_class(device, rng):
    x, z = rng.standard_normal((2, 3, 4))
    layer, bottom, top = build(text(), device, x, z, np.array([0.0, 4, 1]))
    with pytest.raises(ValueRangeError, match=r"bottom\[2\] holds the label 4 at row 1, expected"):
        layer.run_forward(bottom, top)


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        (text("temperature: 0"), [(4, 5)] * 2, LayerConfigError, "temperature is 0, expected"),
        (text("soft_weight: 2"), [(4, 5)] * 2, LayerConfigError, "soft_weight is 2, expected"),
        (text(axis="1 temperature: 2"), [(4, 5)] * 2, LayerConfigError, "has its own"),
        (text(), [(4, 5), (4, 6)], ShapeError, r"\(4, 6\), expected \(4, 5\) .* the teacher"),
        (text(), [(4, 0), (4, 0)], ShapeError, "expected a class along axis 1"),
        (text(), [(4, 5), (4, 5), (3,)], ShapeError, r"bottom\[2\] has shape \(3,\), 3 label"),
        (
            text(rest="propagate_down: [true, true]"),
            [(4, 5)] * 2,
            LayerConfigError,
            "expected false: .* the teacher's scores",
        ),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=message):
        build(definition, device, *map(np.zeros, shapes))
