"""ReLU6: its formula, its ends, and its gradients."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.testing import check_gradient
from tests.build import build

TEXT = 'type: "ReLU6"'


@pytest.mark.parametrize("in_place", [False, True])
def test_ends(device, in_place):
    x = np.array([[-np.inf, -1, -0.0, 0, 1e-3], [5.5, 6, 6.5, np.inf, np.nan]])
    layer, bottom, top = build(TEXT, device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    y = [[0, 0, 0, 0, 1e-3], [5.5, 6, 6, 6, np.nan]]
    np.testing.assert_array_equal(device.to_numpy(top[0].data), y)
    top[0].diff[...] = 3
    layer.run_backward(top, [True], bottom)
    dx = [[0, 0, 0, 0, 3], [3, 0, 0, 0, 0]]
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), dx)


@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(device, rng, in_place):
    x = rng.uniform(-5, 11, (2, 3, 5, 7))
    x[(abs(x) < 0.01) | (abs(x - 6) < 0.01)] = 1  # off the kinks
    assert {*np.sign(x).flat} == {-1, 1}
    assert (x > 6).any()
    check_gradient(*build(TEXT, device, x, in_place=in_place))


def test_a_later_layer_may_work_in_place_too(device):
    """Dropout behind it makes 8 of a 4; the gradient of that 4 passes all the same."""
    layer, bottom, top = build(TEXT, device, np.array([-1.0, 4, 7]), in_place=True)
    layer.run_forward(bottom, top)
    top[0].data[...] *= 2
    top[0].diff[...] = 3
    layer.run_backward(top, [True], bottom)
    assert device.to_numpy(bottom[0].diff).tolist() == [0, 3, 0]
    assert layer.wants_own_top


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(TEXT, device, rng.standard_normal((2, 3)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
