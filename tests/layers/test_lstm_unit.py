"""LSTMUnit: against loops over units, its gradients, and what it refuses."""

from __future__ import annotations

from math import exp, tanh

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

TEXT = 'type: "LSTMUnit"'
COUNT, UNITS = 3, 5
CONT = np.array([[1, 0, 0.5]])


def sigmoid(x):
    return 1 / (1 + exp(-x))


@pytest.fixture
def arrays(rng):
    gates = 2 * rng.standard_normal((1, COUNT, 4 * UNITS))
    return [rng.standard_normal((1, COUNT, UNITS)), gates, CONT]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matches_reference(device, arrays, dtype):
    layer, bottom, top = build(TEXT, device, *arrays, tops=2, dtype=dtype)
    layer.run_forward(bottom, top)
    c, h = (device.to_numpy(blob.data) for blob in top)
    assert c.shape == h.shape == (1, COUNT, UNITS)
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    for n in range(COUNT):
        for d in range(UNITS):
            i, f, o, g = arrays[1][0, n, d::UNITS]
            cell = CONT[0, n] * sigmoid(f) * arrays[0][0, n, d] + sigmoid(i) * tanh(g)
            np.testing.assert_allclose(c[0, n, d], cell, rtol=tolerance, atol=tolerance)
            hidden = sigmoid(o) * tanh(cell)
            np.testing.assert_allclose(h[0, n, d], hidden, rtol=tolerance, atol=tolerance)


def test_gradient(device, arrays):
    check_gradient(*build(TEXT, device, *arrays, tops=2), checked=[0, 1])


def test_gradient_after_a_change_of_shape(device, rng):
    layer, bottom, top = build(TEXT, device, *map(np.ones, ((1, 2, 3), (1, 2, 12), (1, 2))), tops=2)
    for blob, shape in zip(bottom, ((1, 4, 5), (1, 4, 20), (1, 4)), strict=True):
        blob.reshape(shape)
        blob.data[...] = device.xp.asarray(rng.standard_normal(shape))
    check_gradient(layer, bottom, top, checked=[0, 1])


@pytest.mark.parametrize("wanted", [(False, False), (True, False), (False, True)])
def test_propagate_down(device, arrays, wanted):
    layer, bottom, top = build(TEXT, device, *arrays, tops=2)
    layer.run_forward(bottom, top)
    diffs = []
    for flags in ((True, True, False), (*wanted, False)):
        for blob in top:
            blob.diff[...] = 2
        for blob in bottom:
            blob.diff[...] = 7
        layer.run_backward(top, flags, bottom)
        diffs.append([device.to_numpy(blob.diff).copy() for blob in bottom])
    for both, found, asked in zip(*diffs, (*wanted, False), strict=True):
        np.testing.assert_array_equal(found, both if asked else 7)


def test_cont_gets_no_gradient(device, arrays):
    flags = "propagate_down: true propagate_down: true propagate_down: true"
    with pytest.raises(LayerConfigError, match=r"propagate_down is true for bottom\[2\]"):
        build(f"{TEXT} {flags}", device, *arrays, tops=2)
    layer, bottom, top = build(TEXT, device, *arrays, tops=2)
    assert [layer.allow_force_backward(i) for i in range(3)] == [True, True, False]
    layer.run_forward(bottom, top)
    with pytest.raises(LayerConfigError, match=r"propagate_down is true for bottom\[2\]"):
        layer.run_backward(top, [True, True, True], bottom)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 3, 5), (2, 3, 20), (2, 3)), r"bottom\[0\] has shape \(2, 3, 5\), expected \(1, N, D"),
        (((3, 5), (1, 3, 20), (1, 3)), r"bottom\[0\] has shape \(3, 5\), expected \(1, N, D"),
        (((1, 3, 5), (1, 3, 15), (1, 3)), r"bottom\[1\].*\(1, 3, 15\), expected \(1, 3, 20\)"),
        (((1, 3, 5), (1, 4, 20), (1, 3)), r"bottom\[1\].*\(1, 4, 20\), expected \(1, 3, 20\)"),
        (((1, 3, 5), (1, 3, 20), (3,)), r"bottom\[2\] has shape \(3,\), expected \(1, 3\)"),
        (((1, 3, 5), (1, 3, 20), (1, 2)), r"bottom\[2\] has shape \(1, 2\), expected \(1, 3\)"),
    ],
)
def test_refuses_shapes(device, shapes, message):
    with pytest.raises(ShapeError, match=message):
        build(TEXT, device, *map(np.ones, shapes), tops=2)


def test_refuses_counts(device, arrays):
    with pytest.raises(BlobCountError, match=r"2 bottom blob\(s\), expected 3"):
        build(TEXT, device, *arrays[:2], tops=2)
    with pytest.raises(BlobCountError, match=r"1 top blob\(s\), expected 2"):
        build(TEXT, device, *arrays)


def test_refuses_in_place(device, arrays):
    layer, bottom, top = build(TEXT, device, *arrays, tops=2)
    again = type(layer)(layer.param, device, np.float64)
    with pytest.raises(LayerConfigError, match="does not work in place"):
        again.initialize(bottom, [bottom[0], top[1]])
