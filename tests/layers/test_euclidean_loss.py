"""EuclideanLoss: against its formula, the gradients of both bottoms, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build

SHAPES = [((4, 3), (4, 3)), ((2, 3, 5, 4), (2, 3, 5, 4)), ((3, 4), (3, 2, 2)), ((5,), (5, 1, 1, 1))]


def text(rest=""):
    return f'type: "EuclideanLoss" {rest}'


def reference(x, t):
    return sum((a - b) ** 2 for a, b in zip(x.flat, t.flat, strict=True)) / (2 * len(x))


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_matches_reference(device, rng, shapes):
    x, t = (rng.standard_normal(shape) for shape in shapes)
    layer, bottom, top = build(text(), device, x, t)
    layer.run_forward(bottom, top)
    assert top[0].shape == ()
    np.testing.assert_allclose(device.to_numpy(top[0].data), reference(x, t), rtol=1e-12)


def test_is_not_divided_by_the_size_of_an_item(device):
    layer, bottom, top = build(text(), device, np.ones((2, 3)), np.zeros((2, 3)))
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data) == 1.5


@pytest.mark.parametrize("rest", ["", "loss_weight: 2.5"])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_gradient(device, rng, shapes, rest):
    check_gradient(*build(text(rest), device, *map(rng.standard_normal, shapes)))


@pytest.mark.parametrize("index", [0, 1])
def test_leaves_what_is_not_asked_for(device, rng, index):
    x, t = rng.standard_normal((2, 4, 3))
    layer, bottom, top = build(text(), device, x, t)
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = bottom[1].diff[...] = 7
    layer.run_backward(top, [index == 0, index == 1], bottom)
    expected = (x - t) / 4 * (-1 if index else 1)
    np.testing.assert_allclose(device.to_numpy(bottom[index].diff), expected)
    assert (device.to_numpy(bottom[1 - index].diff) == 7).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_stays(device, bad):
    layer, bottom, top = build(text(), device, np.array([[1.0, bad]]), np.zeros((1, 2)))
    layer.run_forward(bottom, top)
    np.testing.assert_equal(float(top[0].data), bad)


def test_no_items_lose_nothing(device):
    layer, bottom, top = build(text(), device, np.zeros((0, 3)), np.zeros((0, 3)))
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, True], bottom)
    assert device.to_numpy(top[0].data) == 0


def test_follows_its_bottoms_to_another_shape(device, rng):
    layer, bottom, top = build(text(), device, np.zeros((2, 3)), np.zeros((2, 3)))
    arrays = rng.standard_normal((2, 4, 5))
    for blob, array in zip(bottom, arrays, strict=True):
        blob.reshape(array.shape)
        blob.data[...] = device.xp.asarray(array)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), reference(*arrays), rtol=1e-12)


def test_force_backward_reaches_both(device):
    layer, _, _ = build(text(), device, np.zeros((2, 3)), np.zeros((2, 3)))
    assert all(layer.allow_force_backward(index) for index in (0, 1))


@pytest.mark.parametrize(
    ("shapes", "error", "message"),
    [
        ([(4, 3), (4, 2)], ShapeError, r"\(4, 2\), expected \(4, 3\) as bottom\[0\]"),
        ([(4, 3), (3, 4)], ShapeError, r"\(3, 4\), expected \(4, 3\)"),
        ([(4, 3), (12,)], ShapeError, r"the first axis is that of the items"),
        ([(), ()], ShapeError, r"shape \(\)"),
        ([(4, 3)], BlobCountError, r"1 bottom blob\(s\), expected 2"),
    ],
)
def test_refuses(device, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(EuclideanLoss\): .*{message}"):
        build(text(), device, *map(np.zeros, shapes))
