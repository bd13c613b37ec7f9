"""The errors of predicted ages: by hand, at the edges, in a net's test, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError, ValueRangeError
from minicaffe.python_layers.age_error import normalized_error
from tests.build import build

TEXT = (
    'type: "Python" '
    'python_param { module: "minicaffe.python_layers.age_error" layer: "AgeErrorLayer" }'
)


def test_the_function_by_hand():
    """Off by 0, by one sigma either way, by two, by half of one."""
    found = normalized_error([30, 34, 26, 38, 31], 30, [4, 4, 4, 4, 2])
    expected = [0, 0.39346934, 0.39346934, 0.86466472, 0.11750310]
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_small_misses_keep_their_digits():
    assert normalized_error(20 + 1e-9, 20, 1) == pytest.approx(5e-19, rel=1e-6)


def test_where_all_agree_every_miss_is_one():
    assert normalized_error([30, 30.5], [30, 30], [0, 0]).tolist() == [0, 1]


@pytest.mark.parametrize("sigma", [-1.0, math.nan])
def test_refuses_a_deviation_that_is_none(sigma):
    with pytest.raises(ValueRangeError, match=f"sigma is {sigma:g}, expected a number of at least"):
        normalized_error([1, 2], [3, 4], [1, sigma])


@pytest.mark.parametrize("tops", [1, 2])
def test_the_layer_has_the_means(device, tops):
    """Shapes differ, as those of an InnerProduct and of labels do."""
    y = np.array([[20.0], [34], [70], [41]])
    layer, bottom, top = build(
        TEXT, device, y, np.array([20.0, 30, 60, 43]), np.array([1.0, 4, 10, 2]), tops=tops
    )
    layer.run_forward(bottom, top)
    found = [float(device.to_numpy(blob.data)) for blob in top]
    assert found == pytest.approx([3 * (1 - math.exp(-0.5)) / 4, (4 + 10 + 2) / 4][:tops])
    assert [blob.shape for blob in top] == [()] * tops


def test_ages_do_not_lose_digits_to_float32(device):
    """All is computed in float64: the squares of deviations this small have no float32."""
    arrays = np.array([2e-30, 5e-30]), np.array([1e-30, 5e-30]), np.array([1e-30, 1e-30])
    layer, bottom, top = build(TEXT, device, *arrays, dtype=np.float32)
    layer.run_forward(bottom, top)
    assert float(device.to_numpy(top[0].data)) == pytest.approx(0.39346934 / 2, rel=1e-6)


def test_no_ages_have_no_error(device):
    layer, bottom, top = build(TEXT, device, *np.zeros((3, 0)), tops=2)
    layer.run_forward(bottom, top)
    assert [float(blob.data) for blob in top] == [0, 0]


def test_follows_its_bottoms_to_another_shape(device):
    layer, bottom, top = build(TEXT, device, *np.ones((3, 2)))
    for blob, value in zip(bottom, (52.0, 50, 2), strict=True):
        blob.reshape((5,))
        blob.data[...] = value
    layer.run_forward(bottom, top)
    assert float(device.to_numpy(top[0].data)) == pytest.approx(0.39346934)


def test_has_no_gradient(device):
    layer, bottom, top = build(TEXT, device, *np.ones((3, 2)))
    layer.run_forward(bottom, top)
    with pytest.raises(LayerConfigError, match="AgeErrorLayer has no backward"):
        layer.run_backward(top, [True, False, False], bottom)


@pytest.mark.parametrize(
    ("shapes", "tops", "error", "message"),
    [
        ([(4,)] * 2, 1, BlobCountError, r"2 bottom and 1 top blob\(s\), expected 3 and 1..2"),
        ([(4,)] * 3, 3, BlobCountError, r"3 bottom and 3 top blob\(s\), expected 3 and 1..2"),
        ([(4, 1), (4,), (3,)], 1, ShapeError, r"bottom\[2\] has shape \(3,\), expected 4 element"),
    ],
)
def test_refuses(device, shapes, tops, error, message):
    with pytest.raises(error, match=message):
        build(TEXT, device, *map(np.ones, shapes), tops=tops)
