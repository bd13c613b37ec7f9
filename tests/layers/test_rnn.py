"""RNN: against loops over steps and units, and its gradients.

What it shares with LSTM is in test_recurrent.
"""

from __future__ import annotations

from math import tanh

import numpy as np
import pytest

from minicaffe.testing import check_gradient
from tests.build import build

STEPS, COUNT, UNITS = 4, 2, 3
CONT = np.array([[0, 0], [1, 1], [0, 1], [1, 0.5]])
FILLERS = """weight_filler { type: "uniform" min: -1 max: 1 }
    bias_filler { type: "uniform" min: -1 max: 1 }"""


def text(fields=""):
    return f'type: "RNN" recurrent_param {{ num_output: {UNITS} {FILLERS} {fields} }}'


def loops(arrays, weights, h):
    """The outputs of all steps, and the last hidden state, unit by unit."""
    x, cont, *static = arrays
    w_x, bias, *w_static, w_h, w_out, bias_out = weights
    h, y = h.copy(), np.zeros((*cont.shape, UNITS))
    for t, n in np.ndindex(cont.shape):
        before = cont[t, n] * h[n]
        for d in range(UNITS):
            value = bias[d] + w_x[d] @ x[t, n].ravel() + w_h[d] @ before
            for w, s in zip(w_static, static, strict=True):
                value += w[d] @ s[n].ravel()
            h[n, d] = tanh(value)
        for d in range(UNITS):
            y[t, n, d] = tanh(bias_out[d] + w_out[d] @ h[n])
    return y, h


@pytest.fixture(params=[False, True], ids=["alone", "static"])
def arrays(request, rng):
    shapes = [(STEPS, COUNT, 5, 1)] + [(COUNT, 7)] * request.param
    x, *static = (rng.standard_normal(shape) for shape in shapes)
    return [x, CONT, *static]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matches_reference(device, arrays, dtype):
    layer, bottom, top = build(text(), device, *arrays, dtype=dtype)
    weights = [device.to_numpy(blob.data).astype(np.float64) for blob in layer.blobs]
    static = [(UNITS, 7)] * (len(arrays) - 2)
    square = UNITS, UNITS
    expected_shapes = [(UNITS, 5), (UNITS,), *static, square, square, (UNITS,)]
    assert [w.shape for w in weights] == expected_shapes
    assert all(w.std() > 0.2 for w in weights)
    layer.run_forward(bottom, top)
    expected, _ = loops(arrays, weights, np.zeros((COUNT, UNITS)))
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    found = device.to_numpy(top[0].data)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_exposed_state(device, rng, arrays):
    given = rng.standard_normal((1, COUNT, UNITS))
    arrays[1] = CONT.copy()
    arrays[1][0] = [1, 0]
    layer, bottom, top = build(text("expose_hidden: true"), device, *arrays, given, tops=2)
    weights = [device.to_numpy(blob.data) for blob in layer.blobs]
    for _ in range(2):  # nothing is carried over
        layer.run_forward(bottom, top)
    y, h = loops(arrays, weights, given[0])
    for blob, expected in zip(top, [y, h[None]], strict=True):
        assert blob.shape == expected.shape
        np.testing.assert_allclose(device.to_numpy(blob.data), expected, rtol=1e-13, atol=1e-13)


def test_gradient(device, arrays):
    checked = [i for i in range(len(arrays)) if i != 1]
    check_gradient(*build(text(), device, *arrays), checked=checked)
