"""L1Loss: by hand, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

TEXT = 'type: "L1Loss"'


def test_by_hand(device):
    x, t = np.array([[1.0, 2, 3], [4, 5, 6]]), np.array([[0.0, 4, 3], [4, 5, 10]])
    layer, bottom, top = build(f"{TEXT} loss_weight: 3", device, x, t)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, True], bottom)
    assert device.to_numpy(top[0].data) == (1 + 2 + 4) / 2
    dx = [[1.5, -1.5, 0], [0, 0, -1.5]]
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), dx)
    np.testing.assert_array_equal(device.to_numpy(bottom[1].diff), np.negative(dx))


def test_sums_of_many_are_exact(device):
    x = np.full((1, 3, 70, 1000), 0.1, np.float32)
    layer, bottom, top = build(TEXT, device, x, np.zeros(x.shape), dtype=np.float32)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), np.float32(0.1) * 210000, rtol=1e-6)


@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((3, 2, 5, 4), (3, 40)), ((4,), (4,))])
def test_gradient(device, rng, shapes):
    check_gradient(*build(TEXT, device, *map(rng.standard_normal, shapes)))


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(TEXT, device, *rng.standard_normal((2, 3, 4)))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False, True], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_no_items_lose_nothing(device):
    layer, bottom, top = build(TEXT, device, np.zeros((0, 3)), np.zeros((0, 3)))
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data) == 0


def test_refuses_other_shapes(device):
    with pytest.raises(ShapeError, match=r"\(2, 4\), expected \(2, 3\) as bottom\[0\]"):
        build(TEXT, device, np.zeros((2, 3)), np.zeros((2, 4)))
