"""Accuracy: against counting loops, its ties, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError, ValueRangeError
from tests.build import build

LAYOUTS = {
    "rows": ((40, 5), (40,), ""),
    "spatial": ((3, 5, 2, 7), (3, 1, 2, 7), "axis: 1"),
    "last axis": ((3, 7, 5), (3, 7), "axis: -1"),
    "first axis": ((5, 31), (31,), "axis: 0"),
}


def text(fields=""):
    return f'type: "Accuracy" accuracy_param {{ {fields} }}'


def reference(x, label, axis, top_k, ignore):
    """The accuracy, and that of each class."""
    x = np.moveaxis(x, axis, -1)
    right = {c: [] for c in range(x.shape[-1])}
    for scores, index in zip(x.reshape(-1, x.shape[-1]), label.reshape(-1), strict=True):
        if index != ignore:
            mine = scores[int(index)]
            others = [score for c, score in enumerate(scores) if c != int(index)]
            right[int(index)].append(sum(score >= mine for score in others) < top_k)
    every = [hit for hits in right.values() for hit in hits]
    per_class = [np.mean(hits) if hits else 0 for hits in right.values()]
    return np.mean(every) if every else 0, per_class


@pytest.mark.parametrize("tops", [1, 2])
@pytest.mark.parametrize("ignore", [None, 2, 255])
@pytest.mark.parametrize("top_k", [1, 2, 5])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_matches_reference(device, rng, layout, top_k, ignore, tops):
    scores, labels, field = LAYOUTS[layout]
    x = rng.integers(0, 6, scores).astype(float)  # integers, so that many tie
    label = rng.choice([0, 1, 2, 4], labels).astype(float)  # 3 is never right
    if ignore:
        label.reshape(-1)[:4] = ignore
        field += f" ignore_label: {ignore}"
    layer, bottom, top = build(text(f"{field} top_k: {top_k}"), device, x, label, tops=tops)
    layer.run_forward(bottom, top)
    axis = layer.param.accuracy_param.axis
    expected, per_class = reference(x, label, axis, top_k, ignore)
    assert top[0].shape == ()
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)
    if tops == 2:
        np.testing.assert_allclose(device.to_numpy(top[1].data), per_class, rtol=1e-12)


@pytest.mark.parametrize(
    ("x", "label", "top_k", "expected"),
    [
        ([1, 1, 0], 0, 1, 0),
        ([3, 3, 3], 1, 2, 0),
        ([3, 3, 3], 1, 3, 1),
        ([0, 2, 1], 1.9, 1, 1),
        ([np.nan, 0, 1], 0, 1, 0),
        ([np.nan, np.nan, np.nan], 0, 1, 0),
        ([np.nan, 0, 1], 2, 1, 0),
        ([np.nan, 0, 1], 2, 2, 1),
        ([np.inf, np.inf, 1], 0, 1, 0),
        ([-np.inf, np.inf, 1], 1, 1, 1),
    ],
)
def test_ties_and_nan_count_against(device, x, label, top_k, expected):
    layer, bottom, top = build(text(f"top_k: {top_k}"), device, np.array([x]), np.array([label]))
    layer.run_forward(bottom, top)
    assert float(top[0].data) == expected


def test_nothing_to_count_is_zero(device, rng):
    x, label = rng.standard_normal((4, 3)), np.full(4, 7.0)
    layer, bottom, top = build(text("ignore_label: 7"), device, x, label, tops=2)
    layer.run_forward(bottom, top)
    assert float(top[0].data) == 0
    assert (device.to_numpy(top[1].data) == 0).all()


def test_has_no_gradient(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal((4, 3)), np.zeros(4))
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False, False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    assert not layer.allow_force_backward(0)
    with pytest.raises(LayerConfigError, match=r"propagate_down\[0\] is true, expected false"):
        layer.run_backward(top, [True, False], bottom)


@pytest.mark.parametrize(("label", "found"), [(3, "3"), (-1, "-1"), (np.nan, "nan")])
def test_refuses_a_label_that_is_no_class(device, rng, label, found):
    labels = np.array([[0.0, 1], [2, label], [-9, 0]])
    x = rng.standard_normal((3, 3, 2))
    layer, bottom, top = build(text(), device, x, labels)
    with pytest.raises(
        ValueRangeError, match=rf"label {found} at row 1, position 1, expected 0\.\.2: bottom"
    ):
        layer.run_forward(bottom, top)


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        (text("top_k: 6"), [(4, 5), (4,)], LayerConfigError, r"top_k is 6, expected 1\.\.5"),
        (text("top_k: 0"), [(4, 5), (4,)], LayerConfigError, r"top_k is 0, expected 1\.\.5"),
        (text(), [(4, 5), (3,)], ShapeError, r"\(3,\), 3 label\(s\), expected 4"),
        (text("axis: 2"), [(4, 5), (4,)], ShapeError, "axis is 2"),
        (text(), [(4, 5)], BlobCountError, r"1 bottom blob\(s\), expected 2"),
        (
            text() + "propagate_down: true propagate_down: false",
            [(4, 5), (4,)],
            LayerConfigError,
            r"propagate_down\[0\] is true, expected false: an accuracy has no gradient",
        ),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(Accuracy\): .*{message}"):
        build(definition, device, *map(np.zeros, shapes))
