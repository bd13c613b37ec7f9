"""Split: its tops, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError
from minicaffe.testing import check_gradient
from tests.build import build

X = (2, 3, 5)


@pytest.mark.parametrize("tops", [1, 3])
def test_each_top_is_the_bottom(device, rng, tops):
    layer, bottom, top = build('type: "Split"', device, rng.standard_normal(X), tops=tops)
    layer.run_forward(bottom, top)
    bottom[0].data[1, 2, 3] = 4711
    assert [float(blob.data[1, 2, 3]) for blob in top] == [4711] * tops


def test_tops_follow_the_bottom_to_a_larger_shape(device, rng):
    layer, bottom, top = build('type: "Split"', device, rng.standard_normal(X), tops=2)
    bottom[0].reshape((4, 7))
    bottom[0].data[...] = 5
    layer.run_forward(bottom, top)
    for blob in top:
        np.testing.assert_array_equal(device.to_numpy(blob.data), np.full((4, 7), 5))


@pytest.mark.parametrize("tops", [1, 2, 3, 4, 5])
def test_gradient(device, rng, tops):
    check_gradient(*build('type: "Split"', device, rng.standard_normal(X), tops=tops))


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build('type: "Split"', device, rng.standard_normal(X), tops=2)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_refuses_to_work_in_place(device):
    with pytest.raises(LayerConfigError, match=r"^layer 'it' \(Split\): .*in place"):
        build('type: "Split"', device, np.ones(X), in_place=True)
