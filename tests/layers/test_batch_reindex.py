"""BatchReindex: where every item comes from, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError, ValueRangeError
from minicaffe.testing import check_gradient
from tests.build import build

TEXT = 'type: "BatchReindex"'
X = (4, 3, 2)
INDEX = np.array([1.0, 0, 3.7, 3, 1, 1])


@pytest.mark.parametrize("index", [INDEX, INDEX[:1], np.zeros(0)])
@pytest.mark.parametrize("shape", [X, (4,)])
def test_matches_reference_and_gradient(device, rng, shape, index):
    x = rng.standard_normal(shape)
    layer, bottom, top = build(TEXT, device, x, index)
    layer.run_forward(bottom, top)
    y = device.to_numpy(top[0].data)
    assert y.shape == (len(index), *shape[1:])
    for m, n in enumerate(index):
        np.testing.assert_array_equal(y[m], x[int(n)])
    check_gradient(layer, bottom, top, checked=[0])


def test_an_item_that_is_not_chosen_has_no_gradient(device):
    layer, bottom, top = build(TEXT, device, np.ones(X), INDEX)
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = np.nan
    top[0].diff[...] = 1
    layer.run_backward(top, [True, False], bottom)
    assert device.to_numpy(bottom[0].diff)[:, 1, 1].tolist() == [1, 3, 0, 2]


def test_leaves_what_is_not_asked_for(device):
    layer, bottom, top = build(TEXT, device, np.ones(X), INDEX)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False, False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


def test_follows_its_bottoms_to_another_shape(device):
    layer, bottom, top = build(TEXT, device, np.ones(X), INDEX)
    bottom[0].reshape((9, 5))
    bottom[1].reshape((2,))
    bottom[1].data[...] = 8
    check_gradient(layer, bottom, top, checked=[0])
    assert top[0].shape == (2, 5)


@pytest.mark.parametrize(("value", "found"), [(4, "4"), (-1, "-1"), (np.nan, "nan")])
def test_refuses_an_index_that_is_no_item(device, value, found):
    index = INDEX.copy()
    index[2] = value
    layer, bottom, top = build(TEXT, device, np.ones(X), index)
    message = rf"bottom\[1\] holds the index {found} at bottom\[1\]\[2\], expected 0..3: .*\(4, 3"
    with pytest.raises(ValueRangeError, match=message):
        layer.run_forward(bottom, top)


@pytest.mark.parametrize(
    ("shapes", "error", "message"),
    [
        ([X, (2, 1)], ShapeError, r"bottom\[1\] has shape \(2, 1\), expected \(M,\)"),
        ([(), (2,)], ShapeError, r"bottom\[0\] has shape \(\), expected \(N, ...\)"),
        ([X], BlobCountError, r"1 bottom blob\(s\), expected 2"),
    ],
)
def test_refuses(device, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(BatchReindex\): {message}"):
        build(TEXT, device, *map(np.ones, shapes))


def test_refuses_a_gradient_for_its_indices(device):
    message = r"propagate_down\[1\] is true, expected false: bottom\[1\] holds indices"
    with pytest.raises(LayerConfigError, match=message):
        build(f"{TEXT} propagate_down: true propagate_down: true", device, np.ones(X), INDEX)
    layer, bottom, top = build(TEXT, device, np.ones(X), INDEX)
    assert [layer.allow_force_backward(i) for i in range(2)] == [True, False]
    with pytest.raises(LayerConfigError, match=message):
        layer.run_backward(top, [True, True], bottom)
