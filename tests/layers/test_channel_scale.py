"""ChannelScale: by hand, gradients of both bottoms, what undoes Normalize, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.errors import LayerConfigError, ShapeError
from minicaffe.testing import check_gradient
from tests.build import build
from tests.layers.spoiling import check_backward_reads

TEXT = 'type: "ChannelScale"'
SHAPES = [
    ((2, 3, 5, 4), (2, 1, 5, 4)),
    ((2, 3, 5, 4), (2, 5, 4)),
    ((4, 3), (4,)),
    ((4, 3), (4, 1)),
    ((4, 3, 1, 1), (4, 1)),
    ((1, 2, 7), (1, 7)),
]


def test_an_example_worked_by_hand(device):
    x, a = np.array([[[1.0, 2, 3], [4, 5, 6]]]), np.array([[[2.0, 0, -1]]])
    layer, bottom, top = build(TEXT, device, x, a)
    layer.run_forward(bottom, top)
    assert device.to_numpy(top[0].data).tolist() == [[[2, 0, -3], [8, 0, -6]]]
    top[0].diff[...] = 1
    layer.run_backward(top, [True, True], bottom)
    assert device.to_numpy(bottom[0].diff).tolist() == [[[2, 0, -1], [2, 0, -1]]]
    assert device.to_numpy(bottom[1].diff).tolist() == [[[5, 7, 9]]]


@pytest.mark.parametrize(("shape", "factors"), SHAPES)
def test_gradient(device, rng, shape, factors):
    check_gradient(*build(TEXT, device, rng.standard_normal(shape), rng.standard_normal(factors)))


def test_what_the_fork_can_switch_off(device):
    x, a = np.array([[[1.0, 2, 3], [4, 5, 6]]]), np.array([[[2.0, 0, -1]]])
    times, dy, da = x * a, [[[1, 1, 1], [1, 1, 1]]], [[[5, 7, 9]]]
    for field, y, dx, dscale in (
        ("do_forward", x.tolist(), [[[2, 0, -1], [2, 0, -1]]], da),
        ("do_backward_feature", times.tolist(), dy, da),
        ("do_backward_scale", times.tolist(), [[[2, 0, -1], [2, 0, -1]]], [[[0, 0, 0]]]),
    ):
        fields = f"channel_scale_param {{ {field}: false }}"
        layer, bottom, top = build(f"{TEXT} {fields}", device, x, a)
        layer.run_forward(bottom, top)
        top[0].diff[...] = 1
        bottom[1].diff[...] = 7
        layer.run_backward(top, [True, True], bottom)
        arrays = top[0].data, bottom[0].diff, bottom[1].diff
        assert [device.to_numpy(each).tolist() for each in arrays] == [y, dx, dscale]
        bottom[0].diff[...] = bottom[1].diff[...] = 7
        layer.run_backward(top, [False, False], bottom)
        assert all((device.to_numpy(blob.diff) == 7).all() for blob in bottom)


def test_refuses_one_factor_for_all(device):
    fields = "channel_scale_param { global_scale: true }"
    with pytest.raises(LayerConfigError, match=r"global_scale is true, expected false: .*num_axes"):
        build(f"{TEXT} {fields}", device, np.ones((2, 3)), np.ones(2))


def test_lengths_give_back_what_was_normalized(device, rng):
    x = rng.standard_normal((5, 3))
    length = np.sqrt((x * x).sum(axis=1))
    layer, bottom, top = build(TEXT, device, x / length[:, None], length)
    layer.run_forward(bottom, top)
    np.testing.assert_allclose(device.to_numpy(top[0].data), x, rtol=1e-12)


@pytest.mark.parametrize("wanted", [0, 1])
def test_leaves_what_is_not_asked_for(device, rng, wanted):
    arrays = rng.standard_normal((2, 3, 5)), rng.standard_normal((2, 5))
    layer, bottom, top = build(TEXT, device, *arrays)
    layer.run_forward(bottom, top)
    top[0].diff[...] = 2
    for blob in bottom:
        blob.diff[...] = 7
    layer.run_backward(top, [i == wanted for i in range(2)], bottom)
    assert (device.to_numpy(bottom[1 - wanted].diff) == 7).all()
    assert (device.to_numpy(bottom[wanted].diff) != 7).all()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 3, 5), (2, 3, 5)),
         r"bottom\[1\] has shape \(2, 3, 5\), expected \(2, 1, 5\) or \(2, 5\)"),
        (((2, 3, 5), (2, 3)), r"bottom\[1\] has shape \(2, 3\), expected"),
        (((2,), (2,)), r"bottom\[0\] has shape \(2,\), expected \(N, C, ...\)"),
    ],
)  # fmt: skip
def test_refuses(device, shapes, message):
    with pytest.raises(ShapeError, match=rf"^layer 'it' \(ChannelScale\): {message}"):
        build(TEXT, device, *map(np.ones, shapes))


def test_backward_reads_no_top(device, rng):
    shapes = (2, 3, 5), (2, 5)
    check_backward_reads(*build(TEXT, device, *map(rng.standard_normal, shapes)), rng)
