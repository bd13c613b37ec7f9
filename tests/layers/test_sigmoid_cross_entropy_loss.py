"""SigmoidCrossEntropyLoss: against its formula, its gradient, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError, ValueRangeError
from minicaffe.testing import check_gradient
from tests.build import build

SHAPES = [((4, 5), (4, 5)), ((2, 3, 4, 5), (2, 3, 4, 5)), ((2, 3, 4), (2, 12)), ((5,), (5, 1))]
DIVISORS = {
    "": "BATCH_SIZE",
    "normalization: VALID": "VALID",
    "normalization: FULL": "FULL",
    "normalization: BATCH_SIZE": "BATCH_SIZE",
    "normalization: NONE": "NONE",
    "normalize: true": "VALID",
    "normalize: false": "BATCH_SIZE",
    "normalize: true normalization: NONE": "NONE",
}


def text(loss="", rest=""):
    return f'type: "SigmoidCrossEntropyLoss" loss_param {{ {loss} }} {rest}'


def reference(x, target, mode="BATCH_SIZE", ignore=None):
    lost = []
    for score, t in zip(x.flat, target.flat, strict=True):
        if int(t) != ignore:
            p = 1 / (1 + np.exp(-score))
            lost.append(-t * np.log(p) - (1 - t) * np.log(1 - p))
    divisors = {"VALID": len(lost), "FULL": x.size, "BATCH_SIZE": len(x), "NONE": 1}
    return sum(lost) / max(1, divisors[mode])


def inputs(rng, shapes):
    """Targets of 0 and 1, one of each at least, some between and one of -1."""
    target = rng.integers(0, 2, shapes[1]).astype(float)
    target.reshape(-1)[:5] = 0, 1, 0.3, -1, 1.75
    return rng.standard_normal(shapes[0]) * 3, target


@pytest.mark.parametrize("ignore", [None, -1, 1, 0])
@pytest.mark.parametrize("loss", DIVISORS)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_matches_reference(device, rng, shapes, loss, ignore):
    x, target = inputs(rng, shapes)
    fields = loss if ignore is None else f"{loss} ignore_label: {ignore}"
    layer, bottom, top = build(text(fields), device, x, target)
    layer.run_forward(bottom, top)
    assert top[0].shape == ()
    expected = reference(x, target, DIVISORS[loss], ignore)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)


@pytest.mark.parametrize(("loss", "expected"), [("", 2.0794), ("normalization: VALID", 0.6931)])
def test_known_values(device, loss, expected):
    layer, bottom, top = build(text(loss), device, np.zeros((2, 3)), np.ones((2, 3)))
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, atol=1e-4)


@pytest.mark.parametrize("fields", [*DIVISORS, "ignore_label: -1 normalization: VALID"])
@pytest.mark.parametrize("rest", ["", "loss_weight: 0.7"])
def test_gradient(device, rng, fields, rest):
    x, target = inputs(rng, SHAPES[2])
    check_gradient(*build(text(fields, rest), device, x, target), checked=[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_out_it_is_a_line(device, dtype):
    x, target = np.array([[100.0, -1000, 1e30, -100]]), np.array([[0.0, 1, 1, 0.25]])
    layer, bottom, top = build(text(), device, x, target, dtype=dtype)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), 100 + 1000 + 25, rtol=1e-6)
    layer.run_backward(top, [True, False], bottom)
    np.testing.assert_allclose(device.to_numpy(bottom[0].diff), [[1, -1, 0, -0.25]], atol=1e-12)


def test_nan_in_the_scores_is_nan_in_the_loss(device):
    x, target = np.array([[np.nan, 1], [0, 1]]), np.array([[0.0, 1], [1, 0]])
    layer, bottom, top = build(text(), device, x, target)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    assert np.isnan(device.to_numpy(top[0].data))
    assert np.isnan(device.to_numpy(bottom[0].diff)).tolist() == [[True, False], [False, False]]


@pytest.mark.parametrize("loss", ["normalization: VALID", "normalization: FULL", ""])
def test_all_ignored_is_zero(device, rng, loss):
    x, target = rng.standard_normal((4, 5)), np.full((4, 5), -1.5)
    layer, bottom, top = build(text(f"ignore_label: -1 {loss}"), device, x, target)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    assert device.to_numpy(top[0].data) == 0
    assert (device.to_numpy(bottom[0].diff) == 0).all()


def test_no_items_lose_nothing(device):
    layer, bottom, top = build(text(), device, np.zeros((0, 3)), np.zeros((0, 3)))
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    assert device.to_numpy(top[0].data) == 0


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text(), device, *inputs(rng, SHAPES[0]))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = bottom[1].diff[...] = 7
    layer.run_backward(top, [False, False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    layer.run_backward(top, [True, False], bottom)
    assert (device.to_numpy(bottom[1].diff) == 7).all()


def test_follows_its_bottoms_to_another_shape(device, rng):
    layer, bottom, top = build(text(), device, *inputs(rng, SHAPES[0]))
    arrays = inputs(rng, ((3, 7), (3, 7)))
    for blob, array in zip(bottom, arrays, strict=True):
        blob.reshape(array.shape)
        blob.data[...] = device.xp.asarray(array)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), reference(*arrays), rtol=1e-12)


def test_force_backward_reaches_the_scores_alone(device, rng):
    layer, _, _ = build(text(), device, *inputs(rng, SHAPES[0]))
    assert [layer.allow_force_backward(index) for index in (0, 1)] == [True, False]


@pytest.mark.parametrize(("bad", "found"), [(np.nan, "nan"), (-np.inf, "-inf")])
@pytest.mark.parametrize(
    ("shapes", "where"), [(SHAPES[0], "row 1, position 2,"), (SHAPES[3], "row 3,")]
)
def test_refuses_a_target_that_is_no_number(device, rng, shapes, where, bad, found):
    x, target = inputs(rng, shapes)
    target.reshape(-1)[7 if shapes is SHAPES[0] else 3] = bad
    layer, bottom, top = build(text(), device, x, target)
    message = rf"bottom\[1\] holds {found} at {where} expected a finite number"
    with pytest.raises(ValueRangeError, match=message):
        layer.run_forward(bottom, top)


def test_refuses_a_gradient_for_targets_when_run(device, rng):
    layer, bottom, top = build(text(), device, *inputs(rng, SHAPES[0]))
    layer.run_forward(bottom, top)
    with pytest.raises(LayerConfigError, match=r"propagate_down\[1\] is true, .* holds targets"):
        layer.run_backward(top, [True, True], bottom)


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        (text(), [(4, 5), (4, 3)], ShapeError, r"\(4, 3\), expected \(4, 5\) as bottom\[0\]"),
        (text(), [(4, 5), (5, 4)], ShapeError, r"\(5, 4\), expected \(4, 5\)"),
        (text(), [(4, 5)], BlobCountError, r"1 bottom blob\(s\), expected 2"),
        (
            text(rest="propagate_down: true propagate_down: true"),
            [(4, 5), (4, 5)],
            LayerConfigError,
            r"propagate_down\[1\] is true, expected false",
        ),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(SigmoidCrossEntropyLoss\): .*{message}"):
        build(definition, device, *map(np.zeros, shapes))
