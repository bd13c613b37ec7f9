"""TotalVariationLoss: by hand, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build


def text(fields="", rest=""):
    return f'type: "TotalVariationLoss" total_variation_loss_param {{ {fields} }} {rest}'


@pytest.mark.parametrize(
    ("fields", "loss"),
    [("", 25 + 16 + 25), ("beta: 1", 5 + 4 + 5), ("beta: 3", 125 + 64 + 125)],
)
def test_by_hand(device, fields, loss):
    """At (0, 0) it is 3 across and 4 down, at (0, 1) 4 down, at (1, 0) 5 across."""
    x = np.array([[[[1.0, 4], [5, 0]]], [[[7, 7], [7, 7]]]])
    layer, bottom, top = build(text(fields), device, x)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), loss / 2)


@pytest.mark.parametrize("fields", ["", "beta: 1", "beta: 1.5", "beta: 3"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 4, 3), (1, 2, 1, 6), (3, 2, 6, 1)])
def test_gradient(device, rng, shape, fields):
    definition = text(fields, "loss_weight: 0.5")
    check_gradient(*build(definition, device, rng.standard_normal(shape)))


@pytest.mark.parametrize("beta", [1, 1.5, 2])
def test_flat_parts_have_no_gradient(device, beta):
    layer, bottom, top = build(text(f"beta: {beta}"), device, np.full((2, 3, 4, 5), 7.0))
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True], bottom)
    assert device.to_numpy(top[0].data) == 0
    assert (device.to_numpy(bottom[0].diff) == 0).all()


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal((2, 3, 4)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize(
    ("fields", "shape", "error", "message"),
    [
        ("beta: 0.5", (2, 3, 4), LayerConfigError, "beta is 0.5, expected a number of at least 1"),
        ("beta: nan", (2, 3, 4), LayerConfigError, "beta is nan, expected"),
        ("", (2, 3), ShapeError, r"\(2, 3\), expected \(N, ..., H, W\)"),
    ],
)
def test_refuses(device, fields, shape, error, message):
    with pytest.raises(error, match=message):
        build(text(fields), device, np.zeros(shape))
