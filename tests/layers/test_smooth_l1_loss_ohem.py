"""SmoothL1LossOHEM: the loss and each item's by hand, divisors, gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build
from tests.layers.spoiling import check_backward_reads

T = np.array([[1.0, 2, 3], [4, 5, 6]])
X = T + np.array([[0.5, -2, 0], [1, 0, 3]])  # 0.125, 1.5, 0; 0.5, 0, 2.5
WEIGHTS = np.array([[1.0, 1, 0], [0, 1, 0.5]])  # 0.125, 1.5, 0; 0, 0, 1


def text(fields=""):
    return f'type: "SmoothL1LossOHEM" {fields}'


@pytest.mark.parametrize(
    ("fields", "divisor"),
    [
        ("", 2),
        ("normalization: FULL", 2),
        ("normalize: false", 2),
        ("normalization: NONE", 1),
        ("normalization: PRE_FIXED pre_fixed_normalizer: 8", 8),
        ("normalization: PRE_FIXED pre_fixed_normalizer: 0.5", 1),
    ],
)
def test_by_hand(device, fields, divisor):
    for weights, each in (([], [1.625, 3]), ([WEIGHTS], [1.625, 1])):
        layer, bottom, top = build(
            text(f"loss_param {{ {fields} }}"), device, X, T, *weights, tops=2
        )
        layer.run_forward(bottom, top)
        assert device.to_numpy(top[1].data).tolist() == [[value] for value in each]
        assert float(device.to_numpy(top[0].data)) == sum(each) / divisor


def test_positions(device, rng):
    """Maps: a number for each position, and as many to divide by, or images alone."""
    x, t = rng.standard_normal((2, 4, 3, 5, 2)) * 2
    away = np.abs(x - t)
    each = np.where(away < 1, away**2 / 2, away - 0.5).sum(axis=1, keepdims=True)
    for mode, divisor in (("VALID", 40), ("BATCH_SIZE", 4)):
        definition = text(f"loss_param {{ normalization: {mode} }}")
        layer, bottom, top = build(definition, device, x, t, tops=2)
        layer.run_forward(bottom, top)
        assert top[1].shape == (4, 1, 5, 2)
        np.testing.assert_allclose(device.to_numpy(top[1].data), each, rtol=1e-12)
        np.testing.assert_allclose(float(device.to_numpy(top[0].data)), each.sum() / divisor)


@pytest.mark.parametrize("count", [2, 3])
def test_gradient(device, rng, count):
    arrays = rng.standard_normal((3, 4, 3, 5)) * 2
    definition = text("loss_param { normalization: PRE_FIXED pre_fixed_normalizer: 7 }")
    check_gradient(*build(definition, device, *arrays[:count]), checked=[0, 1])


def test_backward_reads_no_top(device, rng):
    arrays = rng.standard_normal((3, 4, 3))
    check_backward_reads(*build(text(), device, *arrays, tops=2), rng)


def test_refuses(device):
    with pytest.raises(ShapeError, match=r"bottom\[0\] has shape \(3,\), expected \(N, C, ...\)"):
        build(text(), device, np.ones(3), np.ones(3))
    with pytest.raises(BlobCountError, match="4 bottom blob"):
        build(text(), device, X, T, WEIGHTS, WEIGHTS)
    with pytest.raises(LayerConfigError, match="pre_fixed_normalizer is inf"):
        build(text("loss_param { pre_fixed_normalizer: inf }"), device, X, T)
    other = 'type: "SoftmaxWithLoss" loss_param { normalization: PRE_FIXED }'
    with pytest.raises(LayerConfigError, match="normalization is PRE_FIXED, expected VALID"):
        build(other, device, X, np.ones(2))
