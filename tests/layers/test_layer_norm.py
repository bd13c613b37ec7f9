"""LayerNorm: against the formula along each axis, bitwise in any batch, gradients, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5, 4)


def text(fields=""):
    return f'type: "LayerNorm" layer_norm_param {{ {fields} }}'


@pytest.mark.parametrize(
    ("fields", "axis"), [("", 1), ("axis: 2", 2), ("axis: -1", 3), ("axis: 0", 0), ("axis: -4", 0)]
)
def test_matches_the_formula(device, rng, fields, axis):
    x = 3 + 2 * rng.standard_normal(X)
    layer, bottom, top = build(text(fields), device, x)
    layer.run_forward(bottom, top)
    axes = tuple(range(axis, 4))
    mean, variance = (f(axis=axes, keepdims=True) for f in (x.mean, x.var))
    expected = (x - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-9, atol=1e-12)


def test_an_example_worked_by_hand(device):
    x, dy = np.array([[1.0, 1, 3, 3], [0, 0, 8, 8]]), np.array([[4.0, 0, 0, 0]] * 2)
    layer, bottom, top = build(text("eps: 0"), device, x)
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).tolist() == [[-1, -1, 1, 1]] * 2
    top[0].diff[...] = device.xp.asarray(dy)
    layer.run_backward(top, [True], bottom)
    assert device.to_numpy(bottom[0].diff).tolist() == [[2, -2, 0, 0], [0.5, -0.5, 0, 0]]


@pytest.mark.parametrize("shape", [(7, 13), (300,)])
def test_a_sample_gives_the_same_to_the_bit_in_any_batch(device, rng, shape):
    x = (2 + rng.standard_normal((64, *shape))).astype(np.float32)
    results = []
    for n in (64, 1, 2):
        layer, bottom, top = build(text(), device, x[:n], dtype=np.float32)
        layer.run_forward(bottom, top)
        results.append(device.to_numpy(top[0].data))
    for other in results[1:]:
        assert other.tobytes() == results[0][: len(other)].tobytes()


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("fields", ["", "axis: -1 eps: 0.5"])
def test_gradient(device, rng, fields, in_place):
    check_gradient(*build(text(fields), device, rng.standard_normal(X), in_place=in_place))


@pytest.mark.parametrize(
    ("fields", "shape", "error", "message"),
    [
        ("axis: 4", X, ShapeError, r"axis is 4, expected -4..3: bottom\[0\] has shape"),
        ("axis: -5", X, ShapeError, "axis is -5, expected -4..3"),
        ("", (2,), ShapeError, "axis is 1, expected -1..0"),
        ("", (3, 0), ShapeError, "expected no empty axis"),
        ("axis: 0", (0, 3), ShapeError, "expected no empty axis"),
        ("eps: inf", X, LayerConfigError, "eps is inf"),
    ],
)
def test_refuses(device, fields, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(LayerNorm\): .*{message}"):
        build(text(fields), device, np.ones(shape))
