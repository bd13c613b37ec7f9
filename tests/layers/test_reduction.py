"""Reduction: against loops over elements, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5, 4)
OPERATIONS = {
    "SUM": sum,
    "ASUM": lambda values: sum(map(abs, values)),
    "SUMSQ": lambda values: sum(value**2 for value in values),
    "MEAN": lambda values: sum(values) / len(values),
}


def text(field):
    return f'type: "Reduction" reduction_param {{ {field} }}'


@pytest.mark.parametrize("axis", [0, 1, 3, -1, -3])
@pytest.mark.parametrize("coeff", [1, -2.5])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_matches_reference_and_gradient(device, rng, operation, axis, coeff):
    x = rng.standard_normal(X)
    field = f"operation: {operation} axis: {axis} coeff: {coeff}"
    layer, bottom, top = build(text(field), device, x)
    layer.run_forward(bottom, top)
    kept = X[: axis % 4]
    assert top[0].shape == kept
    y = device.to_numpy(top[0].data)
    for index in np.ndindex(kept):
        values = [float(value) for value in x[index].reshape(-1)]
        expected = coeff * OPERATIONS[operation](values)
        np.testing.assert_allclose(y[index], expected, rtol=1e-12, atol=1e-12)
    check_gradient(layer, bottom, top)


def test_the_default_is_the_sum_of_all(device):
    layer, bottom, top = build('type: "Reduction"', device, np.arange(6.0).reshape(2, 3))
    layer.run_forward(bottom, top)
    assert top[0].shape == ()
    assert float(top[0].data) == 15


def test_as_a_loss(device, rng):
    x = rng.standard_normal(X)
    layer, bottom, top = build(
        f"{text('operation: SUMSQ axis: 1 coeff: 0.5')} loss_weight: 3", device, x
    )
    check_gradient(layer, bottom, top)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(float(layer.loss(top)), 1.5 * (x**2).sum(), rtol=1e-12)
    layer.run_backward(top, [True], bottom)
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), 3 * x, rtol=1e-12)


def test_the_gradient_of_a_magnitude_at_zero(device):
    x = np.array([0.0, -0.0, 3, -3, np.nan])
    layer, bottom, top = build(text("operation: ASUM"), device, x)
    layer.run_forward(bottom, top)
    top[0].diff[...] = 2
    layer.run_backward(top, [True], bottom)
    assert device.to_numpy(bottom[0].diff).tolist() == [0, 0, 2, -2, 0]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_leaves_what_is_not_asked_for(device, rng, operation):
    layer, bottom, top = build(text(f"operation: {operation}"), device, rng.standard_normal(X))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_follows_its_bottom_to_another_shape(device, rng):
    layer, bottom, top = build(text("operation: MEAN axis: 1"), device, rng.standard_normal(X))
    for shape in [(3, 7), (6, 2, 4)]:
        bottom[0].reshape(shape)
        bottom[0].data[...] = 5
        layer.run_forward(bottom, top)
        np.testing.assert_allclose(device.to_numpy(top[0].data), np.full(shape[0], 5.0))


def test_nothing_has_the_sum_zero_and_no_mean(device):
    for operation, expected in [("SUM", 0), ("MEAN", np.nan)]:
        layer, bottom, top = build(text(f"operation: {operation}"), device, np.ones((0, 3)))
        layer.run_forward(bottom, top)
        np.testing.assert_array_equal(device.to_numpy(top[0].data), expected)


def test_refuses_an_axis_that_is_not_there(device):
    with pytest.raises(ShapeError, match=r"layer 'it' \(Reduction\): axis is 4, expected one of"):
        build(text("axis: 4"), device, np.ones(X))
