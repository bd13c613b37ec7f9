"""SmoothL1Loss: values and slopes at the kinks, all dialects, gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (3, 4, 2, 5)


def text(rest=""):
    return f'type: "SmoothL1Loss" {rest}'


def loss_and_slope(device, definition, *arrays):
    layer, bottom, top = build(definition, device, *arrays)
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = np.nan
    layer.run_backward(top, [True] + [False] * (len(bottom) - 1), bottom)
    return float(top[0].data), device.to_numpy(bottom[0].diff)


@pytest.mark.parametrize(
    ("sigma", "d", "loss", "slope"),
    [
        (1, 0, 0, 0),
        (1, 0.5, 0.125, 0.5),
        (1, -0.5, 0.125, -0.5),
        (1, 1, 0.5, 1),
        (1, -1, 0.5, -1),
        (1, 2, 1.5, 1),
        (1, -2, 1.5, -1),
        (3, 0.1, 0.045, 0.9),  # 4.5 d^2 up to a ninth
        (3, -1 / 9, 1 / 18, -1),
        (3, 0.5, 0.5 - 1 / 18, 1),
        (0.5, -3, 1.125, -0.75),  # d^2 / 8 up to 4
    ],
)
def test_an_element_worked_by_hand(device, sigma, d, loss, slope):
    definition = text(f"smooth_l1_loss_param {{ sigma: {sigma} }}")
    found = loss_and_slope(device, definition, np.array([[1.0 + d]]), np.ones((1, 1)))
    np.testing.assert_allclose(found[0], loss, atol=1e-12)
    np.testing.assert_allclose(found[1], [[slope]], atol=1e-12)


def test_weights_worked_by_hand(device):
    """Differences are +-0.5, +-2; inside halves or drops them, outside scales what is lost."""
    x = np.array([[0.5, -0.5, 2, -2], [0.5, -0.5, 2, -2]])
    inside = np.array([[1, 1, 1, 1], [0.5, 0, 0.5, 0]])
    outside = np.array([[1, 2, 1, 2], [4, 7, 4, 7]])
    zeros = np.zeros_like(x)
    plain = 0.125 + 0.125 + 1.5 + 1.5
    halved = 0.03125 + 0.5
    slopes = [[0.5, -0.5, 1, -1], [0.125, 0, 0.5, 0]]
    loss, slope = loss_and_slope(device, text(), x, zeros)
    assert loss == 2 * plain / 2
    loss, slope = loss_and_slope(device, text(), x, zeros, inside)
    assert loss == (plain + halved) / 2
    np.testing.assert_allclose(slope, np.array(slopes) / 2)
    loss, slope = loss_and_slope(device, text(), x, zeros, inside, outside)
    assert loss == (0.125 + 0.25 + 1.5 + 3 + 4 * halved) / 2
    np.testing.assert_allclose(slope, np.array(slopes) * outside / 2)


def test_is_divided_by_the_items_alone(device):
    loss, _ = loss_and_slope(device, text(), np.full((2, 3, 5), 2.0), np.zeros((2, 15)))
    assert loss == 15 * 1.5


@pytest.mark.parametrize("bottoms", [2, 3, 4])
@pytest.mark.parametrize("rest", ["loss_weight: 2.5", "smooth_l1_loss_param { sigma: 1.5 }"])
def test_gradient(device, rng, bottoms, rest):
    x, t = rng.standard_normal((2, *X))
    weights = rng.choice([0, 1, 0.5], (bottoms - 2, *X))
    check_gradient(*build(text(rest), device, x, t, *weights), checked=[0, 1])


@pytest.mark.parametrize("index", [0, 1])
def test_leaves_what_is_not_asked_for(device, rng, index):
    layer, bottom, top = build(text(), device, *rng.standard_normal((4, 2, 3)))
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 7
    layer.run_backward(top, [index == i for i in range(4)], bottom)
    assert [(device.to_numpy(blob.diff) == 7).all() for blob in bottom] == [
        i != index for i in range(4)
    ]


def test_no_items_lose_nothing(device):
    loss, slope = loss_and_slope(device, text(), np.zeros((0, 3)), np.zeros((0, 3)))
    assert loss == 0
    assert slope.shape == (0, 3)


def test_follows_its_bottoms_to_another_shape(device, rng):
    layer, bottom, top = build(text(), device, *np.zeros((3, 2, 3)))
    for blob in bottom:
        blob.reshape((5, 2))
        blob.data[...] = device.xp.asarray(rng.standard_normal((5, 2)))
    check_gradient(layer, bottom, top, checked=[0, 1])


def test_force_backward_reaches_what_is_compared(device):
    layer, _, _ = build(text(), device, *np.zeros((4, 2, 3)))
    assert [layer.allow_force_backward(i) for i in range(4)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("rest", "shapes", "error", "message"),
    [
        ("", [(4, 3), (4, 2)], ShapeError, r"\(4, 2\), expected \(4, 3\) as bottom\[0\]"),
        ("", [(4, 3), (4, 3), (4,)], ShapeError, r"bottom\[2\] has shape \(4,\), expected \(4, 3"),
        ("", [(4, 3)] * 3 + [(4, 1)], ShapeError, r"bottom\[3\] has .*each element has a weight"),
        ("", [(4, 3)], BlobCountError, r"1 bottom blob\(s\), expected 2..4"),
        ("", [(4, 3)] * 5, BlobCountError, r"5 bottom blob\(s\), expected 2..4"),
        (
            "smooth_l1_loss_param { sigma: 0 }",
            [(4, 3)] * 2,
            LayerConfigError,
            "sigma is 0, expected a positive number",
        ),
        (
            "smooth_l1_loss_param { sigma: nan }",
            [(4, 3)] * 2,
            LayerConfigError,
            "sigma is nan, expected a positive number",
        ),
        (
            "smooth_l1_loss_param { sigma: 1e200 }",
            [(4, 3)] * 2,
            LayerConfigError,
            "sigma is inf, expected a positive number",
        ),
        (
            "propagate_down: [true, false, true]",
            [(4, 3)] * 3,
            LayerConfigError,
            r"propagate_down\[2\] is true, expected false: bottom\[2\] holds weights",
        ),
    ],
)
def test_refuses(device, rest, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(SmoothL1Loss\): .*{message}"):
        build(text(rest), device, *map(np.zeros, shapes))


def test_weights_have_no_gradient(device):
    """A net asks for one where the layer that makes them learns, or comes after one that does."""
    layer, bottom, top = build(text(), device, *np.ones((4, 2, 3)))
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 7
    layer.run_backward(top, [True, False, True, True], bottom)
    assert [float(device.to_numpy(blob.diff).max()) for blob in bottom] == [0, 7, 0, 0]
