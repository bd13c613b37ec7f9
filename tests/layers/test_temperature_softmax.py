"""TemperatureSoftmax, and the temperature of Softmax: its formula, its ends, its gradient."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError
from minicaffe.testing import check_gradient
from tests.build import build

TYPES = ["Softmax", "TemperatureSoftmax"]


def text(kind, fields):
    return f'type: "{kind}" softmax_param {{ {fields} }}'


@pytest.mark.parametrize("kind", TYPES)
def test_an_example_worked_by_hand(device, kind):
    x = np.array([[2 * np.log(3), 0]])
    layer, bottom, top = build(text(kind, "temperature: 2"), device, x)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), [[0.75, 0.25]], rtol=1e-12)
    top[0].diff[...] = device.xp.asarray(np.array([[1.0, 0]]))
    layer.run_backward(top, [True], bottom)
    expected = [[0.75 * 0.25 / 2, -0.75 * 0.25 / 2]]
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), expected, rtol=1e-12)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("temperature", [0.5, 1, 4])
@pytest.mark.parametrize("kind", TYPES)
def test_divides_the_scores(device, rng, kind, temperature, in_place):
    x = rng.standard_normal((2, 5, 3, 4))
    definition = text(kind, f"temperature: {temperature}")
    layer, bottom, top = build(definition, device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    e = np.exp(x / temperature)
    y = e / e.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(device.to_numpy(top[0].data), y, rtol=1e-12)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("fields", ["temperature: 0.25", "temperature: 3 axis: -1"])
@pytest.mark.parametrize("kind", TYPES)
def test_gradient(device, rng, kind, fields, in_place):
    check_gradient(
        *build(text(kind, fields), device, rng.standard_normal((2, 5, 3)), in_place=in_place)
    )


def test_hot_is_even_and_cold_is_sure(device):
    x = np.array([[1.0, 2, 4]])
    for temperature, y in ((1e6, [1 / 3, 1 / 3, 1 / 3]), (1e-3, [0, 0, 1])):
        layer, bottom, top = build(text(TYPES[1], f"temperature: {temperature}"), device, x)
        layer.run_forward(bottom, top)
        np.testing.assert_allclose(device.to_numpy(top[0].data), [y], atol=1e-6)


@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan"])
def test_refuses(device, value):
    with pytest.raises(LayerConfigError, match=f"temperature is {value}, expected a finite"):
        build(text(TYPES[1], f"temperature: {value}"), device, np.zeros((2, 3)))
