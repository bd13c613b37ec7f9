"""GroupNorm: against the formula, bitwise in any batch, its two ends, gradients, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build
from tests.layers.spoiling import check_backward_reads

X = (2, 6, 3, 5)


def text(fields):
    return f'type: "GroupNorm" group_norm_param {{ {fields} }}'


def run(text, device, x, dtype=np.float64):
    layer, bottom, top = build(text, device, x, dtype=dtype)
    layer.run_forward(bottom, top)
    return device.to_numpy(top[0].data)


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_matches_the_formula(device, rng, groups, eps):
    x = 3 + 2 * rng.standard_normal(X)
    y = run(text(f"group_num: {groups} eps: {eps}"), device, x)
    for n in range(2):
        for g in range(groups):
            of = slice(g * 6 // groups, (g + 1) * 6 // groups)
            part = x[n, of]
            expected = (part - part.mean()) / np.sqrt(part.var() + np.float32(eps))
            np.testing.assert_allclose(y[n, of], expected, rtol=1e-9, atol=1e-12)


def test_an_example_worked_by_hand(device):
    y = run(text("group_num: 2 eps: 0"), device, np.array([[1.0, 3, 10, 10]]))
    assert y.tolist() == [[-1, 1, 0, 0]]


@pytest.mark.parametrize("shape", [(6, 3, 5), (64, 7, 7), (32, 1, 1), (8, 33, 9)])
@pytest.mark.parametrize("scale", [1, 1e3])
def test_a_sample_gives_the_same_to_the_bit_in_any_batch(device, rng, shape, scale):
    x = scale * (2 + rng.standard_normal((64, *shape))).astype(np.float32)
    y, *others = (run(text("group_num: 2"), device, x[:n], np.float32) for n in (64, 1, 2))
    for other in others:
        assert other.tobytes() == y[: len(other)].tobytes()
    last = run(text("group_num: 2"), device, x[-1:], np.float32)
    assert last.tobytes() == y[-1:].tobytes()


@pytest.mark.parametrize(("groups", "other"), [(1, "LayerNorm"), (6, "InstanceNorm")])
def test_its_ends_are_other_layers(device, rng, groups, other):
    x = rng.standard_normal(X)
    y = run(text(f"group_num: {groups}"), device, x)
    np.testing.assert_array_equal(y, run(f'type: "{other}"', device, x))


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("groups", [1, 3, 6])
def test_gradient(device, rng, groups, in_place):
    x = rng.standard_normal(X)
    check_gradient(*build(text(f"group_num: {groups} eps: 0.1"), device, x, in_place=in_place))


def test_gradient_in_place_after_the_top_was_written_over(device, rng):
    x, dy = rng.standard_normal(X), rng.standard_normal(X)
    found = []
    for in_place in (False, True):
        layer, bottom, top = build(text("group_num: 3"), device, x, in_place=in_place)
        layer.run_forward(bottom, top)
        if in_place:
            top[0].data[...] = np.nan
        top[0].diff[...] = device.xp.asarray(dy)
        layer.run_backward(top, [True], bottom)
        found.append(device.to_numpy(bottom[0].diff))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("in_place", [False, True])
def test_an_empty_batch_gives_nothing(device, rng, in_place):
    """Where a detector has found no region, say."""
    x = rng.standard_normal((0, *X[1:]))
    layer, bottom, top = build(text("group_num: 3"), device, x, in_place=in_place)
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True], bottom)
    assert top[0].shape == (0, *X[1:])
    x = rng.standard_normal(X)
    bottom[0].reshape(X)
    bottom[0].data[...] = device.xp.asarray(x)
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(
        device.to_numpy(top[0].data), run(text("group_num: 3"), device, x)
    )


def test_digits_under_a_large_offset(device, rng):
    x = rng.standard_normal((2, 4, 50)).astype(np.float32)
    y = run(text("group_num: 2"), device, x, np.float32)
    far = run(text("group_num: 2"), device, x + np.float32(4096), np.float32)
    np.testing.assert_allclose(far, y, atol=2e-3)


def test_leaves_what_is_not_asked_for(device, rng):
    layer, bottom, top = build(text("group_num: 2"), device, rng.standard_normal(X))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize(
    ("fields", "shape", "error", "message"),
    [
        ("group_num: 0", X, LayerConfigError, "group_num is 0, expected at least 1"),
        ("group_num: 4", X, ShapeError,
         r"bottom\[0\] has 6 channels, expected a multiple of group_num, 4"),
        ("", X, ShapeError, "expected a multiple of group_num, 32"),
        ("group_num: 1", (6,), ShapeError, r"shape \(6,\), expected \(N, C, ...\)"),
        ("group_num: 2", (2, 6, 0), ShapeError, "expected no empty axis"),
        ("group_num: 2 eps: -1", X, LayerConfigError, "eps is -1, expected a number from 0 up"),
        ("group_num: 2 eps: nan", X, LayerConfigError, "eps is nan"),
    ],
)  # fmt: skip
def test_refuses(device, fields, shape, error, message):
    with pytest.raises(error, match=rf"^layer 'it' \(GroupNorm\): .*{message}"):
        build(text(fields), device, np.ones(shape))


def test_backward_reads_no_top(device, rng):
    check_backward_reads(*build(text("group_num: 3"), device, rng.standard_normal(X)), rng)
