"""ArgMax: against a sort, its shapes, its ties, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import BlobCountError, LayerConfigError, ShapeError
from tests.build import build


def text(fields="", rest=""):
    return f'type: "ArgMax" argmax_param {{ {fields} }} {rest}'


def ranked(values):
    """(value, index), the highest first; of equal ones that with the larger index."""
    return sorted(((value, index) for index, value in enumerate(values)), reverse=True)


def run(device, fields, x, dtype=np.float64):
    layer, bottom, top = build(text(fields), device, np.asarray(x), dtype=dtype)
    layer.run_forward(bottom, top)
    return device.to_numpy(top[0].data)


@pytest.mark.parametrize("top_k", [1, 2, 4])
@pytest.mark.parametrize(
    ("shape", "rest"),
    [((7,), None), ((3, 4), ()), ((2, 5, 3), ()), ((2, 3, 1, 5), (1,)), ((2, 3, 1, 2, 4), (1, 1))],
    ids=str,
)
def test_items_without_axis(device, rng, shape, rest, top_k):
    x = rng.integers(0, 4, shape).astype(float)  # integers, so that many tie
    if rest is None:  # an item of one score
        top_k, rest = 1, ()
    y = run(device, f"top_k: {top_k}", x)
    both = run(device, f"top_k: {top_k} out_max_val: true", x)
    assert y.shape == (shape[0], 1, top_k, *rest)
    assert both.shape == (shape[0], 2, top_k, *rest)
    for n, item in enumerate(x.reshape(shape[0], -1)):
        highest = ranked(item)[:top_k]
        np.testing.assert_array_equal(y[n].ravel(), [index for _, index in highest])
        np.testing.assert_array_equal(both[n, 0].ravel(), [index for _, index in highest])
        np.testing.assert_array_equal(both[n, 1].ravel(), [value for value, _ in highest])


@pytest.mark.parametrize("top_k", [1, 2, 4])
@pytest.mark.parametrize(("shape", "axis"), [((4, 3), 0), ((2, 5, 3), 1), ((2, 3, 1, 6), -1)])
def test_along_an_axis(device, rng, shape, axis, top_k):
    x = rng.integers(0, 4, shape).astype(float)
    fields = f"axis: {axis} top_k: {top_k}"
    index, value = run(device, fields, x), run(device, f"{fields} out_max_val: true", x)
    expected = list(shape)
    expected[axis] = top_k
    assert index.shape == value.shape == tuple(expected)
    lines = (np.moveaxis(a, axis, -1) for a in (x, index, value))
    for line, i, v in zip(*(a.reshape(-1, a.shape[-1]) for a in lines), strict=True):
        np.testing.assert_array_equal(i, [index for _, index in ranked(line)[:top_k]])
        np.testing.assert_array_equal(v, [value for value, _ in ranked(line)[:top_k]])


@pytest.mark.parametrize("top_k", [1, 3])
@pytest.mark.parametrize(
    ("x", "order"),
    [
        ([2, 5, 5, 1], [2, 1, 0]),
        ([3, 3, 3, 3], [3, 2, 1]),
        ([0.0, -0.0, -1, -2], [1, 0, 2]),
        ([-np.inf, 1, np.inf, -np.inf], [2, 1, 3]),
        ([1, np.nan, np.inf, 7], [1, 2, 3]),
        ([np.nan, 5, np.nan, 7], [2, 0, 3]),
    ],
)
def test_ties_and_nan(device, x, order, top_k):
    y = run(device, f"top_k: {top_k}", [x])
    np.testing.assert_array_equal(y.ravel(), order[:top_k])


def test_no_items(device):
    assert run(device, "top_k: 2", np.zeros((0, 3))).shape == (0, 1, 2)


def test_follows_its_bottom_to_another_shape(device, rng):
    layer, bottom, top = build(text("axis: 1 top_k: 2"), device, rng.standard_normal((2, 3)))
    x = rng.standard_normal((4, 5, 3))
    bottom[0].reshape(x.shape)
    bottom[0].data[...] = device.xp.asarray(x)
    layer.run_forward(bottom, top)
    expected = np.argsort(x, axis=1)[:, ::-1][:, :2]
    np.testing.assert_array_equal(device.to_numpy(top[0].data), expected)
    bottom[0].reshape((4, 1, 3))
    with pytest.raises(LayerConfigError, match=r"top_k is 2, expected 1\.\.1"):
        layer.run_forward(bottom, top)


def test_has_no_gradient(device, rng):
    layer, bottom, top = build(text(), device, rng.standard_normal((4, 3)))
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()
    assert not layer.allow_force_backward(0)
    with pytest.raises(LayerConfigError, match=r"propagate_down\[0\] is true, expected false"):
        layer.run_backward(top, [True], bottom)


@pytest.mark.parametrize(
    ("definition", "shapes", "error", "message"),
    [
        (text("top_k: 0"), [(4, 5)], LayerConfigError, r"top_k is 0, expected 1\.\.5"),
        (text("top_k: 7"), [(4, 3, 2)], LayerConfigError, r"top_k is 7, expected 1\.\.6"),
        (text("top_k: 4 axis: 1"), [(4, 3, 2)], LayerConfigError, r"top_k is 4, expected 1\.\.3"),
        (text("axis: 2"), [(4, 5)], ShapeError, "axis is 2, expected one of the 2"),
        (text(), [()], ShapeError, "expected at least one axis"),
        (text(), [(4, 5), (4,)], BlobCountError, r"2 bottom blob\(s\), expected 1"),
        (text(rest="propagate_down: true"), [(4, 5)], LayerConfigError, "an index has no gradient"),
    ],
)
def test_refuses(device, definition, shapes, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(ArgMax\): .*{message}"):
        build(definition, device, *map(np.zeros, shapes))
