"""Filter: which items pass, their gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.device import cpu
from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.proto.text import parse
from minicaffe.testing import check_gradient
from tests.build import build

TEXT = 'type: "Filter"'
SHAPES = [(5, 3, 2), (5,), (5, 4)]
SELECTORS = [[0, 1, 0, -2, 0.3], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [0, 0, 0, 0, np.nan]]


@pytest.mark.parametrize("values", SELECTORS)
def test_matches_reference_and_gradient(device, rng, values):
    xs = [rng.standard_normal(shape) for shape in SHAPES]
    layer, bottom, top = build(TEXT, device, *xs, np.array(values), tops=3)
    layer.run_forward(bottom, top)
    kept = [n for n, value in enumerate(values) if value != 0]
    for x, blob in zip(xs, top, strict=True):
        y = device.to_numpy(blob.data)
        assert y.shape == (len(kept), *x.shape[1:])
        for m, n in enumerate(kept):
            np.testing.assert_array_equal(y[m], x[n])
    check_gradient(layer, bottom, top, checked=[0, 1, 2])


def test_has_the_whole_batch_until_a_forward(device):
    layer, bottom, top = build(TEXT, device, np.ones((5, 3)), np.zeros((5, 1, 1)))
    assert top[0].shape == (5, 3)
    layer.run_forward(bottom, top)
    assert top[0].shape == (0, 3)


def test_every_forward_looks_at_the_selector(device):
    layer, bottom, top = build(TEXT, device, np.arange(5.0), np.zeros(5))
    for n in (3, 1):
        bottom[1].data[...] = 0
        bottom[1].data[n] = 1
        layer.run_forward(bottom, top)
        assert device.to_numpy(top[0].data).tolist() == [n]
    for blob in bottom:
        blob.reshape((7,))
        blob.data[...] = 2
    layer.run_forward(bottom, top)
    assert top[0].shape == (7,)


def test_leaves_what_is_not_asked_for(device):
    layer, bottom, top = build(TEXT, device, np.ones((5, 2)), np.ones(5), np.ones(5), tops=2)
    layer.run_forward(bottom, top)
    for blob in bottom:
        blob.diff[...] = 777
    layer.run_backward(top, [False, True, False], bottom)
    touched = [bool((device.to_numpy(blob.diff) != 777).any()) for blob in bottom]
    assert touched == [False, True, False]


def test_what_follows_takes_the_new_batch():
    net = Net(
        parse(
            """
            layer { name: "in" type: "Input" top: "x" top: "s" input_param {
                shape { dim: 4 dim: 3 } shape { dim: 4 } } }
            layer { name: "f" type: "Filter" bottom: "x" bottom: "s" top: "y" }
            layer { name: "r" type: "Reduction" bottom: "y" top: "z" reduction_param { axis: 1 } }
            """,
            NetParameter,
        ),
        None,
        cpu(),
    )
    net.blobs["x"].data[...] = 2
    for selected in ([1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 1, 1]):
        net.blobs["s"].data[...] = selected
        net.forward()
        assert net.blobs["z"].data.tolist() == [6] * sum(selected)


@pytest.mark.parametrize(
    ("shapes", "tops", "error", "message"),
    [
        ([(5, 3), (5, 2)], 1, ShapeError, r"bottom\[1\], the selector, has shape \(5, 2\)"),
        ([(5, 3), ()], 1, ShapeError, r"bottom\[1\], the selector, has shape \(\), expected \(N,"),
        (
            [(5, 3), (4, 3), (5,)],
            2,
            ShapeError,
            r"bottom\[1\] has shape \(4, 3\), .* 5 items",
        ),
        ([(), (5,)], 1, ShapeError, r"bottom\[0\] has shape \(\), expected 5 items"),
        ([(5,), (5,)], 2, BlobCountError, r"2 top blob\(s\), expected 1: one for each bottom"),
        ([(5,)], 1, BlobCountError, r"1 bottom blob\(s\), expected at least 2"),
    ],
)
def test_refuses(device, shapes, tops, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Filter\): {message}"):
        build(TEXT, device, *map(np.ones, shapes), tops=tops)


def test_refuses_a_gradient_for_its_selector(device):
    message = r"propagate_down\[1\] is true, expected false: bottom\[1\] holds what to select"
    with pytest.raises(LayerConfigError, match=message):
        build(f"{TEXT} propagate_down: true propagate_down: true", device, np.ones(5), np.ones(5))
    layer, bottom, top = build(TEXT, device, np.ones(5), np.ones(5))
    assert [layer.allow_force_backward(i) for i in range(2)] == [True, False]
    with pytest.raises(LayerConfigError, match=message):
        layer.run_backward(top, [True, True], bottom)
