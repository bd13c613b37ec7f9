"""LSTM: against loops over steps and units, its gradients, and the original's numbers.

What it shares with RNN is in test_recurrent.
"""

from __future__ import annotations

from math import exp, tanh

import numpy as np
import pytest

from minicaffe.testing import check_gradient
from tests.build import build

STEPS, COUNT, UNITS = 4, 2, 3
CONT = np.array([[0, 0], [1, 1], [0, 1], [1, 1]])
FILLERS = """weight_filler { type: "uniform" min: -1 max: 1 }
    bias_filler { type: "uniform" min: -1 max: 1 }"""


def text(fields="", units=UNITS):
    return f'type: "LSTM" recurrent_param {{ num_output: {units} {FILLERS} {fields} }}'


def sigmoid(x):
    return 1 / (1 + exp(-x))


def loops(arrays, weights, h, c):
    """The hidden states of all steps, and the last cell state, unit by unit."""
    x, cont, *static = arrays
    w_x, bias, *w_static, w_h = weights
    h, c, units = h.copy(), c.copy(), h.shape[1]
    y = np.zeros((*cont.shape, units))
    for t, n in np.ndindex(cont.shape):
        before = cont[t, n] * h[n]
        for d in range(units):
            i, f, o, g = (
                bias[row]
                + w_x[row] @ x[t, n].ravel()
                + sum(w[row] @ s[n].ravel() for w, s in zip(w_static, static, strict=True))
                + w_h[row] @ before
                for row in range(d, 4 * units, units)
            )
            c[n, d] = cont[t, n] * sigmoid(f) * c[n, d] + sigmoid(i) * tanh(g)
            h[n, d] = sigmoid(o) * tanh(c[n, d])
        y[t, n] = h[n]
    return y, c


@pytest.fixture(params=[False, True], ids=["alone", "static"])
def arrays(request, rng):
    shapes = [(STEPS, COUNT, 5, 1)] + [(COUNT, 7)] * request.param
    x, *static = (rng.standard_normal(shape) for shape in shapes)
    return [x, CONT, *static]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matches_reference(device, arrays, dtype):
    layer, bottom, top = build(text(), device, *arrays, dtype=dtype)
    weights = [device.to_numpy(blob.data).astype(np.float64) for blob in layer.blobs]
    static = [(4 * UNITS, 7)] * (len(arrays) - 2)
    expected_shapes = [(4 * UNITS, 5), (4 * UNITS,), *static, (4 * UNITS, UNITS)]
    assert [w.shape for w in weights] == expected_shapes
    assert all(w.std() > 0.2 for w in weights)
    layer.run_forward(bottom, top)
    zeros = np.zeros((COUNT, UNITS))
    expected, _ = loops(arrays, weights, zeros, zeros)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    found = device.to_numpy(top[0].data)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_exposed_state(device, rng, arrays):
    given = [rng.standard_normal((1, COUNT, UNITS)) for _ in "hc"]
    cont = CONT.copy()
    cont[0] = [1, 0]
    arrays[1] = cont
    layer, bottom, top = build(text("expose_hidden: true"), device, *arrays, *given, tops=3)
    weights = [device.to_numpy(blob.data) for blob in layer.blobs]
    for _ in range(2):  # nothing is carried over
        layer.run_forward(bottom, top)
    y, c = loops(arrays, weights, given[0][0], given[1][0])
    for blob, expected in zip(top, [y, y[-1:], c[None]], strict=True):
        assert blob.shape == expected.shape
        np.testing.assert_allclose(device.to_numpy(blob.data), expected, rtol=1e-13, atol=1e-13)


def test_gradient(device, arrays):
    checked = [i for i in range(len(arrays)) if i != 1]
    check_gradient(*build(text(), device, *arrays), checked=checked)


def test_gradient_of_a_cont_in_between(device, arrays):
    arrays[1] = np.array([[0, 0], [0.5, 1], [0.25, 0], [1, 0.75]])
    check_gradient(*build(text(), device, *arrays), checked=[0])


def test_the_originals_numbers(device):
    fillers = 'weight_filler { type: "constant" value: 1 }'
    layer, bottom, top = build(
        f'type: "LSTM" recurrent_param {{ num_output: 1 {fillers} }}',
        device,
        np.ones((2, 1, 1)),
        np.ones((2, 1)),
    )
    found = []
    for _ in range(2):
        layer.run_forward(bottom, top)
        found += device.to_numpy(top[0].data).ravel().tolist()
    np.testing.assert_allclose(found, [0.369606, 0.650535, 0.788766, 0.839741], atol=5e-7)
