"""KLDivergenceLoss: its formula, SoftmaxWithLoss, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError, ValueRangeError
from minicaffe.testing import check_gradient
from tests.build import build

LAYOUTS = {"rows": ((4, 5), 1), "spatial": ((2, 5, 3, 4), 1), "last axis": ((2, 3, 5), -1)}
MODES = ["VALID", "FULL", "BATCH_SIZE", "NONE"]


def text(loss="", axis="1"):
    head = 'type: "KLDivergenceLoss"'
    return f"{head} softmax_param {{ axis: {axis} }} loss_param {{ {loss} }}"


def inputs(rng, layout):
    """Scores and distributions, of which one has zeros in it; and the axis."""
    shape, axis = LAYOUTS[layout]
    x, t = 2 * rng.standard_normal(shape), rng.random(shape)
    rows = np.moveaxis(t, axis, -1)
    rows[0, ..., :2] = 0
    rows /= rows.sum(axis=-1, keepdims=True)
    return x, t, axis


def run(built, device):
    layer, bottom, top = built
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    return device.to_numpy(top[0].data).copy(), device.to_numpy(bottom[0].diff).copy()


def softmax(x, axis):
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


def test_an_example_worked_by_hand(device):
    """The softmax is 3/4 and 1/4, and should be 1/2 each."""
    x, t = np.array([[np.log(3), 0]]), np.array([[0.5, 0.5]])
    layer, bottom, top = build(text(), device, x, t)
    layer.run_forward(bottom, top)
    assert float(top[0].data) == pytest.approx(0.5 * np.log(4 / 3), rel=1e-12)
    layer.run_backward(top, [True, False], bottom)
    found = device.to_numpy(bottom[0].diff)
    np.testing.assert_allclose(found, [[0.25, -0.25]], rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_matches_formula(device, rng, layout, mode):
    x, t, axis = inputs(rng, layout)
    loss, dx = run(build(text(f"normalization: {mode}", axis), device, x, t), device)
    p = softmax(x, axis)
    total = sum(a * np.log(a / b) for a, b in zip(t.flat, p.flat, strict=True) if a)
    outer = int(np.prod(x.shape[: axis % x.ndim]))
    divisor = {"VALID": x.size // 5, "FULL": x.size // 5, "BATCH_SIZE": outer, "NONE": 1}[mode]
    np.testing.assert_allclose(loss, total / divisor, rtol=1e-12)
    np.testing.assert_allclose(dx * divisor, p - t, atol=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient(device, rng, layout):
    x, t, axis = inputs(rng, layout)
    check_gradient(*build(text(axis=axis), device, x, t), checked=[0])
    check_gradient(*build(text(axis=axis), device, x, 3 * t), checked=[0])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_class_alone_is_softmax_loss(device, rng, layout, mode):
    shape, axis = LAYOUTS[layout]
    x = rng.standard_normal(shape)
    label = rng.integers(0, 5, np.delete(shape, axis))
    t = np.moveaxis(np.eye(5)[label], -1, axis)
    found = run(build(text(f"normalization: {mode}", axis), device, x, t), device)
    plain = text(f"normalization: {mode}", axis).replace("KLDivergenceLoss", "SoftmaxWithLoss")
    expected = run(build(plain, device, x, label), device)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


def test_its_own_distribution_loses_nothing(device):
    t = np.array([[0.5, 0.25, 0.125, 0.125]])
    loss, dx = run(build(text(), device, np.log(t) + 3, t), device)
    np.testing.assert_allclose(loss, 0, atol=1e-15)
    np.testing.assert_allclose(dx, 0, atol=1e-15)


def test_a_position_of_zeros_does_not_count(device, rng):
    x, t = rng.standard_normal((3, 4)), np.zeros((3, 4))
    t[1] = 0.25
    loss, dx = run(build(text(), device, x, t), device)
    alone, _ = run(build(text(), device, x[1:2], t[1:2]), device)
    np.testing.assert_allclose(loss, alone)
    assert (dx[[0, 2]] == 0).all()
    loss, _ = run(build(text(), device, x, np.zeros((3, 4))), device)
    assert loss == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_scores_are_finite(device, dtype):
    t = np.array([[0.5, 0.5, 0]])
    loss, dx = run(build(text(), device, np.array([[0, 1e4, 0]]), t, dtype=dtype), device)
    np.testing.assert_allclose(loss, 0.5 * 87.3365 - np.log(2), rtol=1e-5)
    np.testing.assert_allclose(dx, [[-0.5, 0.5, 0]])


@pytest.mark.parametrize("value", [-0.25, np.nan, np.inf])
def test_refuses_values(device, rng, value):
    t = np.full((2, 5, 3), 0.2)
    t[1, 4, 2] = value
    layer, bottom, top = build(text(), device, rng.standard_normal(t.shape), t)
    with pytest.raises(ValueRangeError, match=f"holds {value:g} at row 1, class 4, position 2 of"):
        layer.run_forward(bottom, top)


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        (text(), [(4, 5), (4,)], ShapeError, r"\(4,\), expected \(4, 5\) .* SoftmaxWithLoss"),
        (text(), [(4, 0), (4, 0)], ShapeError, "expected a class along axis 1"),
        (text(axis="1 temperature: 2"), [(4, 5)] * 2, LayerConfigError, "temperature is 2"),
        (
            f"{text()} propagate_down: [true, true]",
            [(4, 5)] * 2,
            LayerConfigError,
            r"propagate_down\[1\] is true, expected false: bottom\[1\] holds distributions",
        ),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=message):
        build(definition, device, *map(np.zeros, shapes))
