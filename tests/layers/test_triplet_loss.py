"""TripletLoss: by hand, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build


def text(fields="", rest=""):
    return f'type: "TripletLoss" triplet_loss_param {{ {fields} }} {rest}'


def test_by_hand(device):
    """Three triplets: one counts, one is apart by the margin exactly, one by more."""
    a = np.array([[0.0, 0], [1, 1], [2, 0]])
    p = np.array([[1.0, 1], [1, 1], [2, 1]])
    n = np.array([[0.0, 1], [1, 2], [9, 9]])
    layer, bottom, top = build(text(rest="loss_weight: 6"), device, a, p, n)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True] * 3, bottom)
    assert device.to_numpy(top[0].data) == (2 - 1 + 1) / 3
    expected = [[-4, 0], [4, 4], [0, -4]]
    for blob, first in zip(bottom, expected, strict=True):
        np.testing.assert_array_equal(device.to_numpy(blob.diff), [first, [0, 0], [0, 0]])


@pytest.mark.parametrize("fields", ["", "margin: 0", "margin: 8"])
@pytest.mark.parametrize("shape", [(7, 3), (5, 2, 4, 3), (4,)])
def test_gradient(device, rng, shape, fields):
    a, p, n = rng.standard_normal((3, *shape))
    check_gradient(*build(text(fields), device, a, p, n))


def test_only_the_margin_matters_when_all_are_equal(device):
    layer, bottom, top = build(text("margin: 0.25"), device, *np.ones((3, 4, 2)))
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data) == 0.25


def test_nan_stays(device):
    a = np.array([[np.nan, 1], [2, 3]])
    layer, bottom, top = build(text(), device, a, np.ones((2, 2)), np.ones((2, 2)))
    layer.run_forward(bottom, top)
    assert np.isnan(device.to_numpy(top[0].data))


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, *rng.standard_normal((3, 4, 2)))
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 7
    layer.run_backward(top, [False, True, False], bottom)
    kept = [(device.to_numpy(blob.diff) == 7).all() for blob in bottom]
    assert kept == [True, False, True]


@pytest.mark.parametrize(
    ("fields", "shapes", "error", "message"),
    [
        ("margin: -1", [(2, 3)] * 3, LayerConfigError, "margin is -1, expected"),
        ("margin: nan", [(2, 3)] * 3, LayerConfigError, "margin is nan, expected"),
        ("", [(2, 3), (2, 3), (3, 2)], ShapeError, r"bottom\[2\] has shape \(3, 2\), expected"),
        ("", [(2, 3), (2, 4), (2, 3)], ShapeError, r"bottom\[1\] has shape \(2, 4\), expected"),
        ("", [()] * 3, ShapeError, "no axis of triplets"),
    ],
)
def test_refuses(device, fields, shapes, error, message):
    with pytest.raises(error, match=message):
        build(text(fields), device, *map(np.zeros, shapes))
