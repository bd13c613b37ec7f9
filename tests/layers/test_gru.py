"""GRU and MGU: against loops over steps and units, their gradients and sizes.

What they share with LSTM is in test_recurrent.
"""

from __future__ import annotations

from math import exp, tanh

import numpy as np
import pytest

from minicaffe.testing import check_gradient
from tests.build import build

GATES = {"GRU": 3, "MGU": 2}
STEPS, COUNT, UNITS = 4, 2, 3
CONT = np.array([[0, 0], [1, 1], [0, 1], [1, 1]])
FILLERS = """weight_filler { type: "uniform" min: -1 max: 1 }
    bias_filler { type: "uniform" min: -1 max: 1 }"""


@pytest.fixture(params=GATES)
def kind(request):
    return request.param


def text(kind, fields="", units=UNITS):
    return f'type: "{kind}" recurrent_param {{ num_output: {units} {FILLERS} {fields} }}'


def sigmoid(x):
    return 1 / (1 + exp(-x))


def loops(kind, arrays, weights, h):
    """The hidden states of all steps, unit by unit, from the formulas of the papers."""
    x, cont, *static = arrays
    w_x, bias, *w_static, w_h = weights
    h, units = h.copy(), h.shape[1]
    y = np.zeros((*cont.shape, units))
    for t, n in np.ndindex(cont.shape):
        before = cont[t, n] * h[n]
        given = w_x @ x[t, n].ravel() + bias
        for w, s in zip(w_static, static, strict=True):
            given = given + w @ s[n].ravel()
        z = [sigmoid(given[d] + w_h[d] @ before) for d in range(units)]
        at = units if kind == "GRU" else 0
        r = [sigmoid(given[d] + w_h[d] @ before) for d in range(at, at + units)]
        passed = np.array([r[d] * before[d] for d in range(units)])
        for d in range(units):
            row = (GATES[kind] - 1) * units + d
            g = tanh(given[row] + w_h[row] @ passed)
            h[n, d] = (1 - z[d]) * before[d] + z[d] * g
        y[t, n] = h[n]
    return y


@pytest.fixture(params=[False, True], ids=["alone", "static"])
def arrays(request, rng):
    shapes = [(STEPS, COUNT, 5, 1)] + [(COUNT, 7)] * request.param
    x, *static = (rng.standard_normal(shape) for shape in shapes)
    return [x, CONT, *static]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matches_reference(device, arrays, kind, dtype):
    layer, bottom, top = build(text(kind), device, *arrays, dtype=dtype)
    weights = [device.to_numpy(blob.data).astype(np.float64) for blob in layer.blobs]
    width = GATES[kind] * UNITS
    static = [(width, 7)] * (len(arrays) - 2)
    assert [w.shape for w in weights] == [(width, 5), (width,), *static, (width, UNITS)]
    layer.run_forward(bottom, top)
    expected = loops(kind, arrays, weights, np.zeros((COUNT, UNITS)))
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    found = device.to_numpy(top[0].data)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_exposed_state(device, rng, arrays, kind):
    given = rng.standard_normal((1, COUNT, UNITS))
    arrays[1] = CONT.copy()
    arrays[1][0] = [1, 0]
    layer, bottom, top = build(text(kind, "expose_hidden: true"), device, *arrays, given, tops=2)
    weights = [device.to_numpy(blob.data) for blob in layer.blobs]
    for _ in range(2):  # nothing is carried over
        layer.run_forward(bottom, top)
    y = loops(kind, arrays, weights, given[0])
    for blob, expected in zip(top, [y, y[-1:]], strict=True):
        assert blob.shape == expected.shape
        np.testing.assert_allclose(device.to_numpy(blob.data), expected, rtol=1e-13, atol=1e-13)


def test_gradient(device, arrays, kind):
    checked = [i for i in range(len(arrays)) if i != 1]
    check_gradient(*build(text(kind), device, *arrays), checked=checked)


def test_gradient_of_a_cont_in_between(device, arrays, kind):
    arrays[1] = np.array([[0, 0], [0.5, 1], [0.25, 0], [1, 0.75]])
    check_gradient(*build(text(kind), device, *arrays), checked=[0])


@pytest.mark.parametrize(("kind", "count"), [("LSTM", 23_808), ("GRU", 17_856), ("MGU", 11_904)])
def test_how_many_parameters(device, kind, count):
    """Of nets that read MNIST row by row: three quarters, and half, of LSTM's."""
    rows, cont = np.zeros((28, 1, 28)), np.zeros((28, 1))
    layer, _, _ = build(text(kind, units=64), device, rows, cont)
    assert sum(blob.count for blob in layer.blobs) == count


def test_gates_that_are_open_or_shut(device, kind):
    """With z at 1 the state is the candidate, with z at 0 it stays what it was."""
    x, cont = np.zeros((2, 1, 1)), np.ones((2, 1))
    field = "expose_hidden: true"
    layer, bottom, top = build(text(kind, field), device, x, cont, np.full((1, 1, 3), 0.5), tops=2)
    w_x, bias, w_h = layer.blobs
    for blob in (w_x, w_h):
        blob.data[...] = 0
    bias.data[...] = 0.25
    for gate, expected in ((60, tanh(0.25)), (-60, 0.5)):
        bias.data[:UNITS] = gate
        layer.run_forward(bottom, top)
        np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)
