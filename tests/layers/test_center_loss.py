"""CenterLoss: by hand, its gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError, ValueRangeError
from minicaffe.testing import check_gradient
from tests.build import build


def text(fields="num_output: 4", rest=""):
    return f'type: "CenterLoss" center_loss_param {{ {fields} }} {rest}'


def test_by_hand(device):
    """Class 0 has two items, 2 has one, and the others none."""
    x = np.array([[1.0, 2, 3], [3, 2, 1], [0, 0, 6]])
    filler = 'num_output: 4 center_filler { type: "constant" value: 1 }'
    definition = text(filler, "loss_weight: 3")
    layer, bottom, top = build(definition, device, x, np.array([0.9, -0.9, 2]))
    layer.blobs[0].diff[...] = 10
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    assert device.to_numpy(top[0].data) == (0 + 1 + 4 + 4 + 1 + 0 + 1 + 1 + 25) / 6
    dx = [[0, 1, 2], [2, 1, 0], [-1, -1, 5]]
    np.testing.assert_array_equal(device.to_numpy(bottom[0].diff), dx)
    dc = np.array([[-2 / 3, -2 / 3, -2 / 3], [0, 0, 0], [0.5, 0.5, -2.5], [0, 0, 0]])
    np.testing.assert_allclose(device.to_numpy(layer.blobs[0].diff), 10 + dc)


@pytest.mark.parametrize(
    ("fields", "shape", "labels"),
    [
        ("num_output: 5", (7, 3), (7,)),
        ("num_output: 2", (6, 3, 2, 4), (6, 1, 1, 1)),
        ("num_output: 3 axis: 2", (2, 5, 4), (2, 5)),
        ("num_output: 3 axis: -1", (2, 5, 4), (10,)),
    ],
)
def test_gradient_for_the_features(device, rng, fields, shape, labels):
    filler = 'center_filler { type: "gaussian" std: 1 }'
    x, label = rng.standard_normal(shape), rng.integers(0, 2, labels).astype(float)
    layer, bottom, top = build(text(f"{fields} {filler}"), device, x, label)
    layer.param_propagate_down[0] = False  # what the centres learn from is no gradient
    layer.blobs[0].diff[...] = 7
    check_gradient(layer, bottom, top, checked=[0])
    assert (device.to_numpy(layer.blobs[0].diff) != 0).all()


def test_the_centres_learn_alone_where_the_features_do_not(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal((3, 2)), np.zeros(3))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False, False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    assert (device.to_numpy(layer.blobs[0].diff)[0] != 0).all()


@pytest.mark.parametrize("label", [4, -1, np.nan])
def test_refuses_labels(device, rng, label):
    labels = np.array([0, 1, label])
    layer, bottom, top = build(text(), device, rng.standard_normal((3, 2)), labels)
    with pytest.raises(ValueRangeError, match=f"label {label:g} at row 2, expected 0..3"):
        layer.run_forward(bottom, top)


def test_refuses_other_features_later(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal((3, 2)), np.zeros(3))
    bottom[0].reshape((3, 5))
    with pytest.raises(ShapeError, match=r"5 feature\(s\) from axis 1 on, expected 2, as the cen"):
        layer.run_forward(bottom, top)


@pytest.mark.parametrize(
    ("fields", "shapes", "error", "message"),
    [
        ("", [(3, 2), (3,)], LayerConfigError, "num_output is missing, expected the number"),
        ("num_output: 0", [(3, 2), (3,)], LayerConfigError, "num_output is 0, expected"),
        ("num_output: 4", [(3, 2), (4,)], ShapeError, r"4 label\(s\), expected 3"),
        ("num_output: 4 axis: 2", [(3, 2), (3,)], ShapeError, "axis is 2, expected"),
    ],
)
def test_refuses(device, fields, shapes, error, message):
    with pytest.raises(error, match=message):
        build(text(fields), device, *map(np.zeros, shapes))
