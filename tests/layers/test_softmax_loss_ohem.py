"""SoftmaxWithLossOHEM: the loss of each position by hand, and SoftmaxWithLoss in all else."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, ValueRangeError
from minicaffe.testing import check_gradient
from tests.build import build


def text(kind="SoftmaxWithLossOHEM", fields="loss_param { ignore_label: 2 }"):
    return f'type: "{kind}" {fields}'


def test_each_by_hand(device):
    x = np.log([[1.0, 2, 1], [1, 1, 6], [3, 1, 4]])
    layer, bottom, top = build(text(), device, x, np.array([1.0, 2, 0]), tops=3)
    layer.run_forward(bottom, top)
    assert top[2].shape == (3, 1)
    each = device.to_numpy(top[2].data)[:, 0]
    np.testing.assert_allclose(each, [np.log(2), 0, np.log(8 / 3)], rtol=1e-12)
    np.testing.assert_allclose(float(device.to_numpy(top[0].data)), each.sum() / 2)


@pytest.mark.parametrize("tops", [1, 2, 3])
def test_all_else_is_as_softmax_with_loss(device, rng, tops):
    x = rng.standard_normal((2, 3, 5, 4))
    label = rng.integers(0, 3, (2, 1, 5, 4)).astype(float)
    found = []
    for kind, count in (("SoftmaxWithLoss", min(tops, 2)), ("SoftmaxWithLossOHEM", tops)):
        layer, bottom, top = build(text(kind), device, x, label, tops=count)
        layer.run_forward(bottom, top)
        for blob in top:
            blob.diff[...] = 0
        top[0].diff[...] = 0.5
        layer.run_backward(top, [True, False], bottom)
        arrays = [bottom[0].diff, *(blob.data for blob in top[:2])]
        found.append([device.to_numpy(array).copy() for array in arrays])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    if tops == 3:
        assert top[2].shape == label.shape == (2, 1, 5, 4)
        counted = device.to_numpy(top[2].data)[label != 2]
        np.testing.assert_allclose(counted.mean(), found[0][1], rtol=1e-12)


def test_gradient(device, rng):
    arrays = rng.standard_normal((4, 3)), np.array([0.0, 2, 1, 1])
    check_gradient(*build(text(), device, *arrays), checked=[0])


def test_refuses(device):
    with pytest.raises(BlobCountError, match="4 top blob"):
        build(text(), device, np.ones((2, 3)), np.ones(2), tops=4)
    layer, bottom, top = build(text(), device, np.ones((2, 3)), np.array([0.0, 3]), tops=3)
    with pytest.raises(ValueRangeError, match="label 3 at"):
        layer.run_forward(bottom, top)
