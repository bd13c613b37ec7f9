"""InnerProduct: against sums, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

RANDOM = "weight_filler { type: 'gaussian' } bias_filler { type: 'gaussian' }"
X = (2, 3, 4, 5)


def text(fields, filler=RANDOM):
    return f'type: "InnerProduct" inner_product_param {{ {fields} {filler} }}'


@pytest.mark.parametrize("bias", ["true", "false"])
@pytest.mark.parametrize("transpose", ["true", "false"])
@pytest.mark.parametrize(("axis", "inputs"), [(0, 120), (1, 60), (2, 20), (-1, 5), (-4, 120)])
def test_matches_sums(device, rng, axis, inputs, transpose, bias):
    x = rng.standard_normal(X)
    fields = f"num_output: 6 axis: {axis} transpose: {transpose} bias_term: {bias}"
    layer, bottom, top = build(text(fields), device, x)
    layer.run_forward(bottom, top)
    w, *b = (device.to_numpy(blob.data) for blob in layer.blobs)
    assert w.shape == ((inputs, 6) if transpose == "true" else (6, inputs))
    assert [each.shape for each in b] == ([(6,)] if bias == "true" else [])
    rows = x.reshape(-1, inputs)
    y = np.zeros((len(rows), 6))
    for m, n in np.ndindex(y.shape):
        column = w[:, n] if transpose == "true" else w[n]
        y[m, n] = sum(column * rows[m]) + (b[0][n] if b else 0)
    assert top[0].shape == (*X[: axis % 4], 6)
    np.testing.assert_allclose(device.to_numpy(top[0].data), y.reshape(top[0].shape), rtol=1e-9)


@pytest.mark.parametrize("bias", ["true", "false"])
@pytest.mark.parametrize("transpose", ["true", "false"])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_gradient(device, rng, axis, transpose, bias):
    fields = f"num_output: 3 axis: {axis} transpose: {transpose} bias_term: {bias}"
    check_gradient(*build(text(fields), device, rng.standard_normal(X)))


@pytest.mark.parametrize("wanted", [[False, True], [True, False]])
def test_leaves_what_is_not_asked_for(device, rng, wanted):
    layer, bottom, top = build(text("num_output: 3"), device, rng.standard_normal(X))
    layer.run_forward(bottom, top)
    for blob in (*bottom, *layer.blobs):
        blob.diff[...] = 7
    top[0].diff[...] = 1
    layer.param_propagate_down = wanted
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    untouched = [bool((device.to_numpy(blob.diff) == 7).all()) for blob in layer.blobs]
    assert untouched == [not want for want in wanted]


def test_takes_any_batch_and_any_shape_of_as_many_inputs(device, rng):
    layer, bottom, top = build(text("num_output: 3"), device, rng.standard_normal((2, 3, 4)))
    x = rng.standard_normal((7, 12))
    bottom[0].reshape(x.shape)
    bottom[0].data[...] = device.xp.asarray(x)
    layer.run_forward(bottom, top)
    w, b = (device.to_numpy(blob.data) for blob in layer.blobs)
    np.testing.assert_allclose(device.to_numpy(top[0].data), x @ w.T + b, rtol=1e-9)


def test_warns_of_weights_that_start_at_zero(device, caplog):
    build(text("num_output: 3", ""), device, np.ones(X))
    assert len(caplog.messages) == 1
    assert "'it' (InnerProduct) has no weight_filler" in caplog.text


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ("", LayerConfigError, "num_output is missing, expected at least 1"),
        ("num_output: 0", LayerConfigError, "num_output is 0, expected at least 1"),
        ("num_output: 3 axis: 4", ShapeError, "axis is 4, expected one of the 4"),
        ("num_output: 3 axis: -5", ShapeError, "axis is -5, expected one of the 4"),
    ],
)
def test_refuses(device, fields, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(InnerProduct\): .*{message}"):
        build(text(fields), device, np.ones(X))


def test_refuses_another_number_of_inputs(device):
    layer, bottom, top = build(text("num_output: 3"), device, np.ones(X))
    bottom[0].reshape((2, 3, 4, 6))
    message = r"shape \(2, 3, 4, 6\), so 72 inputs from axis 1 on, expected 60"
    with pytest.raises(ShapeError, match=message):
        layer.run_forward(bottom, top)


def test_refuses_to_work_in_place(device):
    with pytest.raises(LayerConfigError, match="does not work in place"):
        build(text("num_output: 3"), device, np.ones((2, 3)), in_place=True)
