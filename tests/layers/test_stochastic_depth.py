"""StochasticDepth: how often a branch is there, what is left of one that is not, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.device import Device
from minicaffe.errors import LayerConfigError
from minicaffe.testing import check_gradient
from tests import fake_cupy
from tests.build import build
from tests.layers.spoiling import check_backward_reads

X = (2, 3, 5)


def text(phase, survival=0.75):
    return (
        f'type: "StochasticDepth" phase: {phase} stochastic_depth_param {{ survival: {survival} }}'
    )


@pytest.mark.parametrize("survival", [0.25, 0.5, 0.9])
def test_the_whole_branch_is_there_as_often_as_it_says(device, rng, survival):
    x = rng.standard_normal(X)
    layer, bottom, top = build(text("TRAIN", survival), device, x)
    times, found = 400, 0
    for _ in range(times):
        layer.run_forward(bottom, top)
        y = device.to_numpy(top[0].data).copy()
        top[0].diff[...] = 3
        bottom[0].diff[...] = np.nan
        layer.run_backward(top, [True], bottom)
        dx = device.to_numpy(bottom[0].diff)
        is_there = y.any()
        np.testing.assert_array_equal(y, x if is_there else 0 * x)
        assert (dx == (3 if is_there else 0)).all()
        found += is_there
    assert abs(found / times - survival) < 4 * np.sqrt(survival * (1 - survival) / times)


@pytest.mark.parametrize("survival", [0.25, 1])
def test_in_test_it_is_what_training_gives_on_average(device, rng, survival):
    x = rng.standard_normal(X)
    layer, bottom, top = build(text("TEST", survival), device, x)
    before = device.rng.bit_generator.state
    layer.run_forward(bottom, top)
    np.testing.assert_array_equal(device.to_numpy(top[0].data), survival * x)
    assert device.rng.bit_generator.state == before


def test_a_branch_that_always_survives_is_the_identity(device, rng):
    x = rng.standard_normal(X)
    layer, bottom, top = build(text("TRAIN", 1), device, x)
    for _ in range(9):
        layer.run_forward(bottom, top)
        np.testing.assert_array_equal(device.to_numpy(top[0].data), x)


@pytest.mark.parametrize("in_place", [False, True])
def test_nothing_is_left_of_what_is_no_number(device, in_place):
    layer, bottom, top = build(text("TRAIN", 0.01), device, np.ones(X), in_place=in_place)
    bottom[0].data[...] = np.inf
    layer.run_forward(bottom, top)
    assert not device.to_numpy(top[0].data).any()
    top[0].diff[...] = np.nan
    layer.run_backward(top, [True], bottom)
    assert not device.to_numpy(bottom[0].diff).any()


def test_every_device_draws_the_same():
    results = []
    for xp in (np, fake_cupy):
        device = Device(xp, None, np.random.default_rng(5))
        layer, bottom, top = build(text("TRAIN"), device, np.ones((1, 2)))
        seen = []
        for _ in range(40):
            layer.run_forward(bottom, top)
            seen.append(device.to_numpy(top[0].data).any())
        results.append(seen)
    assert results[0] == results[1]
    assert {*results[0]} == {True, False}


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("survival", [0.01, 0.3, 0.99])
def test_gradient(device, rng, phase, in_place, survival):
    x = rng.standard_normal(X)
    check_gradient(*build(text(phase, survival), device, x, in_place=in_place))


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_leaves_what_is_not_asked_for(device, phase):
    layer, bottom, top = build(text(phase), device, np.ones(X))
    layer.run_forward(bottom, top)
    bottom[0].diff[...] = 7
    layer.run_backward(top, [False], bottom)
    assert (device.to_numpy(bottom[0].diff) == 7).all()


@pytest.mark.parametrize("survival", ["0", "1.5", "-0.1", "nan"])
def test_refuses(device, survival):
    message = r"^layer 'it' \(StochasticDepth\): survival is .*, expected 0 < survival <= 1"
    with pytest.raises(LayerConfigError, match=message):
        build(text("TRAIN", survival), device, np.ones(X))


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_a_single_number(device, phase):
    layer, bottom, top = build(text(phase, 1), device, np.array(3.0))
    layer.run_forward(bottom, top)
    layer.run_backward(top, [True], bottom)
    assert float(top[0].data) == 3


def test_the_least_probability_there_is(device):
    layer, bottom, top = build(text("TRAIN", 1e-45), device, np.ones(X))
    layer.run_forward(bottom, top)
    assert not device.to_numpy(top[0].data).any()


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_backward_reads_no_data(device, rng, phase):
    check_backward_reads(*build(text(phase), device, rng.standard_normal(X)), rng)
