"""FocalLoss: against its formula, SoftmaxWithLoss, its gradient, and what it refuses."""

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


def text(focal="", loss="", axis=1):
    return (
        f'type: "FocalLoss" softmax_param {{ axis: {axis} }} focal_loss_param {{ {focal} }} '
        f"loss_param {{ {loss} }}"
    )


def inputs(rng, layout):
    scores, labels, axis = LAYOUTS[layout]
    x, label = rng.standard_normal(scores) * 2, rng.integers(0, 5, labels).astype(float)
    label.reshape(-1)[:3] = 2, 0, 4
    return x, label, axis


def run(built, device):
    layer, bottom, top = built
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    return device.to_numpy(top[0].data).copy(), device.to_numpy(bottom[0].diff).copy()


@pytest.mark.parametrize("ignore", [None, 2])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_matches_formula(device, rng, layout, mode, ignore):
    x, label, axis = inputs(rng, layout)
    loss = f"normalization: {mode}" + ("" if ignore is None else f" ignore_label: {ignore}")
    layer, bottom, top = build(text("alpha: 0.5 gamma: 1.5", loss, axis), device, x, label)
    layer.run_forward(bottom, top)
    total, count = 0.0, 0
    rows = np.moveaxis(x, axis, -1).reshape(-1, 5)
    for row, index in zip(rows, label.reshape(-1).astype(int), strict=True):
        if index != ignore:
            p = np.exp(row[index]) / np.exp(row).sum()
            total -= 0.5 * (1 - p) ** 1.5 * np.log(p)
            count += 1
    outer = int(np.prod(x.shape[: axis % x.ndim]))
    divisor = {"VALID": count, "FULL": label.size, "BATCH_SIZE": outer, "NONE": 1}[mode]
    np.testing.assert_allclose(device.to_numpy(top[0].data), total / divisor, rtol=1e-12)


def test_by_hand(device):
    """p = 1/2 of two: (1/2)^2 log 2, where the gradient's factor is 1/4 + log(2) / 2."""
    loss, dx = run(build(text(), device, np.zeros((1, 2)), np.ones(1)), device)
    np.testing.assert_allclose(loss, np.log(2) / 4)
    factor = (0.25 + np.log(2) / 2) / 2
    np.testing.assert_allclose(dx, [[factor, -factor]])


@pytest.mark.parametrize("focal", ["", "gamma: 0.5 alpha: 0.25", "gamma: 0", "gamma: 5"])
@pytest.mark.parametrize("tops", [1, 2])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient(device, rng, layout, tops, focal):
    x, label, axis = inputs(rng, layout)
    built = build(text(focal, "ignore_label: 2", axis), device, x, label, tops=tops)
    check_gradient(*built, checked=[0])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gamma_0_is_softmax_loss(device, rng, layout, mode):
    x, label, axis = inputs(rng, layout)
    fields = f"ignore_label: 2 normalization: {mode}"
    found = run(build(text("gamma: 0", fields, axis), device, x, label), device)
    plain = text("", fields, axis).replace("FocalLoss", "SoftmaxWithLoss")
    expected = run(build(plain, device, x, label), device)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_is_finite_where_it_is_sure(device, gamma, dtype):
    """Sure and right: no loss, no gradient; sure and wrong: the most that can be lost."""
    x = np.array([[1e4, 0, 0], [0, 1e4, 0]])
    built = build(text(f"gamma: {gamma}"), device, x, np.zeros(2), dtype=dtype)
    loss, dx = run(built, device)
    np.testing.assert_allclose(loss, 87.3365 / 2, rtol=1e-5)
    np.testing.assert_allclose(dx, [[0, 0, 0], [-0.5, 0.5, 0]], atol=1e-6)


def test_refuses_a_label_that_is_no_class(device, rng):
    built = build(text(), device, rng.standard_normal((3, 2)), np.array([0.0, 1, 2]))
    with pytest.raises(ValueRangeError, match="label 2 at row 2, expected"):
        built[0].run_forward(*built[1:])


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal((2, 3)), np.array([0.0, 2]))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False, False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    with pytest.raises(LayerConfigError, match=r"propagate_down\[1\] is true"):
        layer.run_backward(top, [True, True], bottom)


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        (text("gamma: -1"), [(4, 5), (4,)], LayerConfigError, "gamma is -1, expected"),
        (text("alpha: nan"), [(4, 5), (4,)], LayerConfigError, "alpha is nan, expected"),
        (text(), [(4, 5), (3,)], ShapeError, r"3 label\(s\), expected 4"),
        (text(axis="1 temperature: 3"), [(4, 5), (4,)], LayerConfigError, "temperature is 3"),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(FocalLoss\): .*{message}"):
        build(definition, device, *map(np.zeros, shapes))
