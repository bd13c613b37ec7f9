"""CTCLoss: against all paths one by one, by hand, its gradient, and what it refuses."""

from __future__ import annotations

from itertools import groupby, product

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError, ValueRangeError
from minicaffe.testing import check_gradient
from tests.build import build


def text(fields=""):
    return f'type: "CTCLoss" ctc_loss_param {{ {fields} }}'


def cost(x, labels, blank):
    """-log of the sum over all paths; ``x``: (T, C)."""
    prob = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    total = 0.0
    for path in product(range(x.shape[1]), repeat=len(x)):
        if [k for k, _ in groupby(path) if k != blank] == labels:
            total += np.prod([prob[t, k] for t, k in enumerate(path)])
    return -np.log(total) if total else 0.0


ROWS = {  # with blank 0: labels as given, as they are read
    "all of one length": ([[1, 2], [3, 1], [2, 3]], [[1, 2], [3, 1], [2, 3]]),
    "padded by the blank": ([[1, 0, 0], [2, 2, 0], [3, 1, 2]], [[1], [2, 2], [3, 1, 2]]),
    "padded by -1": ([[-1, -1, -1], [2, -1, -1], [3, 3, -1]], [[], [2], [3, 3]]),
    "gaps": ([[0, 1, 0, 2], [2, -1, 2, -5], [0, 0, 0, 3]], [[1, 2], [2, 2], [3]]),
    "too long": ([[1, 2, 1, 2, 1, 2], [1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0]], None),
}


@pytest.mark.parametrize("rows", ROWS)
def test_sums_over_all_paths(device, rng, rows):
    given, read = ROWS[rows]
    read = read or [[1, 2, 1, 2, 1, 2], [1, 1, 1, 1], [1, 1, 1]]
    x = rng.standard_normal((5, 3, 4))
    layer, bottom, top = build(text(), device, x, np.array(given, float))
    layer.run_forward(bottom, top)
    costs = [cost(x[:, n], labels, 0) for n, labels in enumerate(read)]
    np.testing.assert_allclose(device.to_numpy(top[0].data), sum(costs) / 3, rtol=1e-12)


@pytest.mark.parametrize(("blank", "fields"), [(2, "blank_label: 2"), (3, "blank_label: -1")])
def test_the_blank_may_be_another_class(device, rng, blank, fields):
    x, labels = rng.standard_normal((4, 1, 4)), [0, 1, 1 if blank == 2 else 0]
    layer, bottom, top = build(text(fields), device, x, np.array([labels], float))
    layer.run_forward(bottom, top)
    expected = cost(x[:, 0], labels, blank)
    np.testing.assert_allclose(device.to_numpy(top[0].data), expected, rtol=1e-12)


def test_by_hand(device):
    """Two steps, a blank and a label, all of 1/2: three of four paths read as the label."""
    x, label = np.zeros((2, 1, 2)), np.ones((1, 1))
    layer, bottom, top = build(text(), device, x, label)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    np.testing.assert_allclose(device.to_numpy(top[0].data), -np.log(3 / 4))
    dx = device.to_numpy(bottom[0].diff)
    np.testing.assert_allclose(dx, np.full((2, 1, 2), [1 / 2 - 1 / 3, 1 / 2 - 2 / 3]))


def test_marks_and_labels_step_by_step(device, rng):
    """As ChWick's fork has them; the blank is the last class."""
    x = rng.standard_normal((5, 4, 4))
    mark = np.array([[0, 1, 1, 1, 1], [0, 1, 1, 0, 1], [0, 0, 0, 0, 0], [0, 1, 1, 1, 1]]).T
    label = np.array([[1, 1, 0, -1, 2], [2, -1, 1, 1, 1], [-1] * 5, [0, 2, 2, -1, -1]]).T
    arrays = x, mark.astype(float), label.astype(float)
    for fields, read, blank in (
        ("", [[1, 1, 0], [2], None, [0, 2, 2]], 3),
        ("blank_index: 3 preprocess_collapse_repeated: true", [[1, 0], [2], None, [0, 2]], 3),
    ):
        layer, bottom, top = build(text(fields), device, *arrays)
        layer.run_forward(bottom, top)
        steps = 5, 3, 0, 5
        parts = [
            cost(x[:t, n], labels, blank)
            for n, (labels, t) in enumerate(zip(read, steps, strict=True))
            if labels is not None
        ]
        np.testing.assert_allclose(device.to_numpy(top[0].data), sum(parts) / 4, rtol=1e-12)
        layer.run_backward(top, [True, False, False], bottom)
        dx = device.to_numpy(bottom[0].diff)
        assert (dx[:, 2] == 0).all()
        assert (dx[3:, 1] == 0).all()
        assert (dx[:3, 1] != 0).all()
    with pytest.raises(LayerConfigError, match=r"blank_index is 4, expected -4..3"):
        build(text("blank_index: 4"), device, *arrays)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("output_delay: 2", "output_delay is 2, expected 0"),
        ("ctc_merge_repeated: false", "ctc_merge_repeated is false, expected true"),
        ("blank_label: 0 blank_index: 1", "blank_label and blank_index are given"),
    ],
)
def test_refuses_what_it_cannot_follow(device, fields, message):
    with pytest.raises(LayerConfigError, match=message):
        build(text(fields), device, np.zeros((2, 1, 3)), np.ones((1, 1)))


def test_lengths_leave_steps_out(device, rng):
    x, labels = rng.standard_normal((5, 3, 4)), np.array([[1.0, 2], [3, 3], [1, -1]])
    layer, bottom, top = build(text(), device, x, labels, np.array([5.0, 4.9, 2]))
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False, False], bottom)
    parts = cost(x[:, 0], [1, 2], 0), cost(x[:4, 1], [3, 3], 0), cost(x[:2, 2], [1], 0)
    np.testing.assert_allclose(device.to_numpy(top[0].data), sum(parts) / 3, rtol=1e-12)
    dx = device.to_numpy(bottom[0].diff)
    assert (dx[4:, 1] == 0).all()
    assert (dx[2:, 2] == 0).all()
    assert (dx[:4, 1] != 0).all()


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("lengths", [None, [4, 5, 1]])
def test_gradient(device, rng, rows, lengths):
    x, labels = rng.standard_normal((5, 3, 4)), np.array(ROWS[rows][0], float)
    more = [] if lengths is None else [np.array(lengths, float)]
    check_gradient(*build(text(), device, x, labels, *more), checked=[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_long_and_sure_sequences_stay_finite(device, rng, dtype):
    x = 1e3 * rng.standard_normal((300, 2, 5))
    labels = rng.integers(1, 5, (2, 60)).astype(float)
    layer, bottom, top = build(text(), device, x, labels, dtype=dtype)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    assert device.to_numpy(top[0].data) > 1000
    dx = device.to_numpy(bottom[0].diff)
    assert np.isfinite(dx).all()
    np.testing.assert_allclose(dx.sum(axis=2), 0, atol=1e-6)


def test_no_path_is_no_loss(device, rng):
    x = rng.standard_normal((2, 1, 4))
    layer, bottom, top = build(text(), device, x, np.array([[1.0, 1]]))
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True, False], bottom)
    assert device.to_numpy(top[0].data) == 0
    assert (device.to_numpy(bottom[0].diff) == 0).all()


@pytest.mark.parametrize("value", [4, np.nan, -np.inf, np.inf])
def test_refuses_labels(device, rng, value):
    labels = np.array([[1.0, 2], [3, value]])
    layer, bottom, top = build(text(), device, rng.standard_normal((5, 2, 4)), labels)
    with pytest.raises(ValueRangeError, match=r"at row 1, position 1, expected 0\.\.3, or"):
        layer.run_forward(bottom, top)


@pytest.mark.parametrize("value", [6, -1, np.nan])
def test_refuses_lengths(device, rng, value):
    x, labels = rng.standard_normal((5, 2, 4)), np.ones((2, 3))
    layer, bottom, top = build(text(), device, x, labels, np.array([5.0, value]))
    with pytest.raises(ValueRangeError, match=r"for sequence 1, expected 0\.\.5"):
        layer.run_forward(bottom, top)


@pytest.mark.parametrize(
    ("fields", "shapes", "error", "message"),
    [
        ("", [(5, 2), (2, 3)], ShapeError, r"expected \(T, N, C\)"),
        ("", [(5, 2, 4, 3), (2, 3)], ShapeError, r"expected \(T, N, C\)"),
        ("", [(0, 2, 4), (2, 3)], ShapeError, r"expected \(T, N, C\)"),
        ("", [(5, 2, 4), (5, 3)], ShapeError, r"\(5, 3\), expected \(2, L\)"),
        ("", [(5, 2, 4), (2, 3), (3,)], ShapeError, r"\(3,\), expected \(2,\)"),
        ("alphabet_size: 5", [(5, 2, 4), (2, 3)], LayerConfigError, "is 5, expected 4"),
        ("blank_label: 4", [(5, 2, 4), (2, 3)], LayerConfigError, r"is 4, expected -4\.\.3"),
        ("blank_label: -5", [(5, 2, 4), (2, 3)], LayerConfigError, "is -5, expected"),
    ],
)
def test_refuses(device, fields, shapes, error, message):
    with pytest.raises(error, match=message):
        build(text(fields), device, *map(np.zeros, shapes))
