"""MultinomialLogisticLoss: against its formula, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError, ValueRangeError
from minicaffe.testing import check_gradient
from tests.build import build

SATURATED = 46.0517  # -log(1e-20)
LAYOUTS = {  # probabilities, labels
    "rows": ((4, 5), (4,)),
    "column of labels": ((4, 5), (4, 1, 1, 1)),
    "all axes are classes": ((3, 2, 4, 1), (3, 1)),
}


def text(rest=""):
    return f'type: "MultinomialLogisticLoss" {rest}'


def reference(p, label):
    picked = [
        row[int(index)] for row, index in zip(p.reshape(len(p), -1), label.reshape(-1), strict=True)
    ]
    return -sum(map(np.log, picked)) / len(p)


def inputs(rng, layout):
    probabilities, labels = LAYOUTS[layout]
    p = rng.random(probabilities) + 0.01
    return p, rng.integers(0, np.prod(probabilities[1:]), labels) + 0.75


@pytest.mark.parametrize("layout", LAYOUTS)
def test_matches_reference(device, rng, layout):
    p, label = inputs(rng, layout)
    layer, bottom, top = build(text(), device, p, label)
    layer.run_forward(bottom, top)
    assert top[0].shape == ()
    np.testing.assert_allclose(device.to_numpy(top[0].data), reference(p, label), rtol=1e-12)


@pytest.mark.parametrize("rest", ["", "loss_weight: 0.25"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient(device, rng, layout, rest):
    check_gradient(
        *build(text(rest), device, *inputs(rng, layout)), checked=[0], step=1e-5, tolerance=1e-5
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_saturates(device, dtype):
    p = np.array([[0.0, 1], [0.5, 1e-30]])
    layer, bottom, top = build(text(), device, p, np.array([0.0, 1]), dtype=dtype)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), SATURATED, atol=1e-4)
    layer.run_backward(top, [True, False], bottom)
    expected = [[-0.5e20, 0], [0, -0.5e20]]
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), expected, rtol=1e-6)


def test_nan_in_what_is_picked_is_nan_in_the_loss(device):
    p = np.array([[np.nan, 0.5], [0.5, 0.25]])
    for label, expected in ((0.0, np.nan), (1.0, np.log(2))):
        layer, bottom, top = build(text(), device, p, np.array([label, 0]))
        layer.run_forward(bottom, top)
        np.testing.assert_allclose(device.to_numpy(top[0].data), expected)


def test_no_items_lose_nothing(device):
    layer, bottom, top = build(text(), device, np.zeros((0, 3)), np.zeros(0))
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    assert device.to_numpy(top[0].data) == 0


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, *inputs(rng, "rows"))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = bottom[1].diff[...] = 7
    layer.run_backward(top, [False, False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    layer.run_backward(top, [True, False], bottom)
    assert (device.to_numpy(bottom[1].diff) == 7).all()


def test_follows_its_bottoms_to_another_shape(device, rng):
    layer, bottom, top = build(text(), device, *inputs(rng, "rows"))
    p, label = rng.random((3, 7)), np.array([6.0, 0, 2])
    for blob, array in zip(bottom, (p, label), strict=True):
        blob.reshape(array.shape)
        blob.data[...] = device.xp.asarray(array)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), reference(p, label), rtol=1e-12)


def test_force_backward_reaches_the_probabilities_alone(device, rng):
    layer, _, _ = build(text(), device, *inputs(rng, "rows"))
    assert [layer.allow_force_backward(index) for index in (0, 1)] == [True, False]


@pytest.mark.parametrize(("label", "found"), [(5, "5"), (-1, "-1"), (np.nan, "nan")])
def test_refuses_a_label_that_is_no_class(device, rng, label, found):
    p, labels = inputs(rng, "rows")
    labels[2] = label
    layer, bottom, top = build(text(), device, p, labels)
    with pytest.raises(ValueRangeError, match=rf"label {found} at row 2, expected 0\.\.4"):
        layer.run_forward(bottom, top)


def test_refuses_a_gradient_for_labels_when_run(device, rng):
    layer, bottom, top = build(text(), device, *inputs(rng, "rows"))
    layer.run_forward(bottom, top)
    with pytest.raises(LayerConfigError, match=r"propagate_down\[1\] is true, expected false"):
        layer.run_backward(top, [True, True], bottom)


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        (text(), [(4, 5), (3,)], ShapeError, r"\(3,\), expected \(4,\): bottom\[0\] has shape"),
        (text(), [(2, 5, 3), (2, 3)], ShapeError, "each takes one label"),
        (text(), [(4, 5), (4,), (5, 5)], BlobCountError, r"3 bottom blob\(s\), expected 2"),
        (
            text("propagate_down: true propagate_down: true"),
            [(4, 5), (4,)],
            LayerConfigError,
            r"propagate_down\[1\] is true, expected false: bottom\[1\] holds labels",
        ),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(MultinomialLogisticLoss\): .*{message}"):
        build(definition, device, *map(np.zeros, shapes))
