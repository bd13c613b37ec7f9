"""InstanceNorm: against the formula, in both phases, bitwise in any batch, gradients, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5, 4)


def text(fields=""):
    return f'type: "InstanceNorm" instance_norm_param {{ {fields} }}'


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize("shape", [X, (2, 3, 7), (1, 2, 3, 2, 4)])
def test_matches_the_formula(device, rng, shape, phase):
    x = 3 + 2 * rng.standard_normal(shape)
    layer, bottom, top = build(f"{text()} phase: {phase}", device, x)
    layer.run_forward(bottom, top)
    axes = tuple(range(2, len(shape)))
    mean, variance = (f(axis=axes, keepdims=True) for f in (x.mean, x.var))
    expected = (x - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-9, atol=1e-12)


def test_an_example_worked_by_hand(device):
    x, dy = np.array([[[1.0, 1, 3, 3], [0, 0, 8, 8]]]), np.array([[[4.0, 0, 0, 0]] * 2])
    layer, bottom, top = build(text("eps: 0"), device, x)
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).tolist() == [[[-1, -1, 1, 1]] * 2]
    top[0].diff[...] = device.xp.asarray(dy)
    layer.run_backward(top, [True], bottom)
    assert device.to_numpy(bottom[0].diff).tolist() == [[[2, -2, 0, 0], [0.5, -0.5, 0, 0]]]


def test_a_sample_gives_the_same_to_the_bit_in_any_batch(device, rng):
    x = (2 + rng.standard_normal((64, 3, 9, 7))).astype(np.float32)
    results = []
    for n in (64, 1, 2):
        layer, bottom, top = build(text(), device, x[:n], dtype=np.float32)
        layer.run_forward(bottom, top)
        results.append(device.to_numpy(top[0].data))
    for other in results[1:]:
        assert other.tobytes() == results[0][: len(other)].tobytes()


@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(device, rng, in_place):
    check_gradient(*build(text("eps: 0.5"), device, rng.standard_normal(X), in_place=in_place))


@pytest.mark.parametrize(
    ("fields", "shape", "error", "message"),
    [
        ("", (2, 3), ShapeError, r"shape \(2, 3\), expected \(N, C, H, W\), or other axes"),
        ("", (2, 3, 0), ShapeError, "expected no empty axis"),
        ("eps: -0.1", X, LayerConfigError, "eps is -0.1"),
    ],
)
def test_refuses(device, fields, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(InstanceNorm\): .*{message}"):
        build(text(fields), device, np.ones(shape))
