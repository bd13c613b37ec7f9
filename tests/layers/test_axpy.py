"""Axpy: against Scale and Eltwise, by hand, gradients of all three, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import ShapeError
from minicaffe.testing import check_gradient
from tests.build import build
from tests.layers.spoiling import check_backward_reads

TEXT = 'type: "Axpy"'


def test_an_example_worked_by_hand(device):
    a, x, y = [[2.0, -1]], [[[1.0, 2, 3], [4, 5, 6]]], [[[10.0, 20, 30], [40, 50, 60]]]
    layer, bottom, top = build(TEXT, device, *map(np.array, (a, x, y)))
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).tolist() == [[[12, 24, 36], [36, 45, 54]]]
    top[0].diff[...] = device.xp.asarray(np.array([[[1.0, 0, 2], [0, 3, 0]]]))
    layer.run_backward(top, [True] * 3, bottom)
    found = [device.to_numpy(blob.diff).tolist() for blob in bottom]
    assert found == [[[7, 15]], [[[2, 0, 4], [0, -3, 0]]], [[[1, 0, 2], [0, 3, 0]]]]


@pytest.mark.parametrize(
    ("factors", "shape"),
    [
        ((2, 3), (2, 3, 5, 4)),
        ((2, 3, 1, 1), (2, 3, 5, 4)),
        ((4, 3, 1), (4, 3)),
        ((1, 5), (1, 5, 7)),
    ],
)
def test_gradient(device, rng, factors, shape):
    check_gradient(*build(TEXT, device, *map(rng.standard_normal, (factors, shape, shape))))


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_leaves_what_is_not_asked_for(device, rng, wanted):
    shape = (2, 3, 5)
    layer, bottom, top = build(TEXT, device, *map(rng.standard_normal, (shape[:2], shape, shape)))
    layer.run_forward(bottom, top)
    top[0].diff[...] = 2
    for blob in bottom:
        blob.diff[...] = 7
    layer.run_backward(top, [i == wanted for i in range(3)], bottom)
    for i, blob in enumerate(bottom):
        assert (device.to_numpy(blob.diff) == 7).all() == (i != wanted)


def test_follows_its_bottoms_to_other_shapes(device, rng):
    layer, bottom, top = build(TEXT, device, np.ones((1, 2)), *[np.ones((1, 2, 3))] * 2)
    for blob, shape in zip(bottom, [(3, 2), (3, 2, 5), (3, 2, 5)], strict=True):
        blob.reshape(shape)
        blob.data[...] = 3
    layer.run_forward(bottom, top)
    assert (device.to_numpy(top[0].data) == np.full((3, 2, 5), 12)).all()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 4), (2, 3, 5), (2, 3, 5)), r"bottom\[0\] has shape \(2, 4\), expected \(2, 3\)"),
        (((2, 3, 5), (2, 3, 5), (2, 3, 5)), r"bottom\[0\] has shape \(2, 3, 5\), expected"),
        (((2,), (2, 3, 5), (2, 3, 5)), r"bottom\[0\] has shape \(2,\), expected \(2, 3\)"),
        (((2, 3), (2, 3, 5), (2, 3, 4)), r"bottom\[2\] .*, expected \(2, 3, 5\) as bottom\[1\]"),
        (((2, 3), (2,), (2,)), r"bottom\[1\] has shape \(2,\), expected \(N, C, ...\)"),
    ],
)
def test_refuses(device, shapes, message):
    with pytest.raises(ShapeError, match=rf"^layer 'it' \(Axpy\): {message}"):
        build(TEXT, device, *map(np.ones, shapes))


def test_backward_reads_no_top(device, rng):
    shapes = (2, 3), (2, 3, 5), (2, 3, 5)
    check_backward_reads(*build(TEXT, device, *map(rng.standard_normal, shapes)), rng)
