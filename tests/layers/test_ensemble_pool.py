"""Pooling's ENSEMBLE_MAX: the mean by hand, how often each is taken, MAX at 1, gradients."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.device import Device
from minicaffe.errors import LayerConfigError
from minicaffe.testing import check_gradient
from tests import fake_cupy
from tests.build import build
from tests.layers.spoiling import check_backward_reads

SHAPES = [
    ((2, 3, 6, 5), "kernel_size: 2 stride: 2"),
    ((2, 3, 7, 5), "kernel_size: 3 stride: 2 pad: 1"),
    ((2, 3, 9), "kernel_size: 3 stride: 2"),
    ((1, 2, 4, 3, 5), "kernel_size: 2 stride: 1"),
    ((2, 3, 4, 5), "global_pooling: true"),
]


def text(phase, fields, pool="ENSEMBLE_MAX"):
    return f'type: "Pooling" phase: {phase} pooling_param {{ pool: {pool} {fields} }}'


def run(device, phase, fields, x, **kwargs):
    layer, bottom, top = build(text(phase, fields, **kwargs), device, x)
    layer.run_forward(bottom, top)
    return device.to_numpy(top[0].data)


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_in_test_it_is_the_mean(device, p):
    x = np.array([[[[0.3, 0.1], [0.7, -2]]]])
    y = run(device, "TEST", f"kernel_size: 2 max_probability: {p}", x)
    np.testing.assert_allclose(y, [[[[p * 0.7 + (1 - p) * 0.3]]]], rtol=1e-7)


def test_a_window_of_one_element_has_only_that(device):
    x = np.array([[[1.0, 5, 4, -3, 2]]])
    for phase in ("TRAIN", "TEST"):
        y = run(device, phase, "kernel_size: 2 stride: 2 max_probability: 0", x)
        assert y.tolist() == [[[1, -3, 2]]]
    y = run(device, "TEST", "kernel_size: 1", x)
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize(("shape", "fields"), SHAPES)
def test_with_probability_1_it_is_max(device, rng, shape, fields, phase):
    x, found = rng.standard_normal(shape), []
    x[:, :, 1] = np.inf
    for pool, more in (("ENSEMBLE_MAX", "max_probability: 1"), ("MAX", "")):
        layer, bottom, top = build(text(phase, f"{fields} {more}", pool), device, x)
        layer.run_forward(bottom, top)
        top[0].diff[...] = 3
        layer.run_backward(top, [True], bottom)
        found.append([device.to_numpy(a) for a in (top[0].data, bottom[0].diff)])
    for mine, right in zip(*found, strict=True):
        np.testing.assert_array_equal(mine, right)


@pytest.mark.parametrize(("shape", "fields"), SHAPES)
@pytest.mark.parametrize("p", [0.3, 0.9])
def test_in_training_it_takes_the_largest_as_often_as_it_says(device, rng, shape, fields, p):
    x = rng.permutation(np.arange(1.0, np.prod(shape) + 1)).reshape(shape)
    largest = run(device, "TEST", f"{fields} max_probability: 1", x)
    second = run(device, "TEST", f"{fields} max_probability: 0", x)
    assert (largest > second).all()
    layer, bottom, top = build(text("TRAIN", f"{fields} max_probability: {p}"), device, x)
    times = 100 if largest.size < 50 else 40
    taken = 0
    for _ in range(times):
        layer.run_forward(bottom, top)
        y = device.to_numpy(top[0].data).copy()
        assert ((y == largest) | (y == second)).all()
        taken += (y == largest).sum()
    top[0].diff[...] = 1
    layer.run_backward(top, [True], bottom)
    dx = device.to_numpy(bottom[0].diff)
    assert set(y.reshape(-1)) == set(x[dx > 0])
    assert dx.sum() == y.size
    count = times * largest.size
    assert abs(taken / count - p) < 4 * np.sqrt(p * (1 - p) / count)


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize(("shape", "fields"), SHAPES)
def test_gradient(device, rng, phase, shape, fields):
    x = rng.permutation(np.arange(np.prod(shape)) / 10).reshape(shape)
    check_gradient(*build(text(phase, f"{fields} max_probability: 0.7"), device, x))


def test_every_device_draws_the_same(rng):
    x, results = rng.standard_normal((2, 3, 7, 5)), []
    for xp in (np, fake_cupy):
        device = Device(xp, None, np.random.default_rng(5))
        results.append(run(device, "TRAIN", "kernel_size: 3", x))
    np.testing.assert_array_equal(*results)


def test_in_test_nothing_is_drawn(device, rng):
    before = device.rng.bit_generator.state
    run(device, "TEST", "kernel_size: 2", rng.standard_normal((1, 2, 3, 4)))
    assert device.rng.bit_generator.state == before


@pytest.mark.parametrize("p", ["-0.1", "1.5", "nan"])
def test_refuses_what_is_no_probability(device, p):
    with pytest.raises(LayerConfigError, match=r"max_probability is .*, expected 0 <= max_prob"):
        build(text("TRAIN", f"kernel_size: 2 max_probability: {p}"), device, np.ones((1, 1, 3, 4)))


def test_refuses_a_mask(device):
    with pytest.raises(LayerConfigError, match="pool is ENSEMBLE_MAX with two tops, expected MAX"):
        build(text("TRAIN", "kernel_size: 2"), device, np.ones((1, 2, 3, 4)), tops=2)


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_backward_reads_what_it_says(device, rng, phase):
    layer, bottom, top = build(
        text(phase, "kernel_size: 2"), device, rng.standard_normal((2, 3, 5, 4))
    )
    assert layer.backward_reads == (() if phase == "TRAIN" else ("bottom",))
    check_backward_reads(layer, bottom, top, rng)
