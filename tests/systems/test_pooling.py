"""Pooling: the maximum, the mean, one drawn, the maximum now and then, and what they give a net."""

from __future__ import annotations

import numpy as np
import pytest

from tests.artefacts.lines import CARRIED, compute
from tests.artefacts.models import MODELS
from tests.build import build
from tests.systems.runs import (
    accuracy,
    in_test,
    inner_product,
    input_of,
    layer,
    mnist,
    solver_of,
    train_on,
)

BY_NAME = {model.name: model for model in MODELS}
EXAMPLE = np.array([[3, 6, 1, 5], [7, 4, 6, 8], [2, 1, 2.5, 1.5], [4, 3, 2, 4]])
MAXIMA, MEANS = [[7, 8], [4, 4]], [[5, 5], [2.5, 2.5]]
CHANCES = np.array([[0.15, 0.30], [0.35, 0.20]])  # of the first window, whose sum is 20
DRAWS = 20000
WINDOWS = "kernel_size: 2 stride: 2"


def pooling(device, x, fields, phase="TRAIN"):
    """A layer that has run once on ``x``, its bottom and top."""
    text = f'type: "Pooling" phase: {phase} pooling_param {{ {fields} }}'
    made, bottom, top = build(text, device, x)
    made.run_forward(bottom, top)
    return made, bottom, top


@pytest.mark.parametrize(("pool", "expected"), [("MAX", MAXIMA), ("AVE", MEANS)])
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_an_example_by_hand(device, pool, expected, phase):
    _, _, top = pooling(device, EXAMPLE[None, None], f"pool: {pool} {WINDOWS}", phase)
    assert device.to_numpy(top[0].data).tolist() == [[expected]]


@pytest.mark.parametrize(("pool", "limit"), [("max", 0), ("ave", 1e-6)])
def test_as_the_original_pools(device, pool, limit):
    """Pads of 2 and 1, windows of 3 x 5, at every second row: maxima bit for bit."""
    model = BY_NAME[f"layer_pooling_{pool}-layer_pooling_{pool}"]
    net, _ = model.build(CARRIED, device)
    inputs, expected = model.arrays(CARRIED)
    found = compute(net, inputs, expected)["output"]
    assert found.shape == (2, 6, 39, 111)
    assert np.abs(found - expected["output"]).max() <= limit


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_element_is_drawn_with_its_chance(device, seed):
    device.rng.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    x = np.broadcast_to(EXAMPLE, (DRAWS, 1, 4, 4))
    made, bottom, top = pooling(device, x, f"pool: STOCHASTIC {WINDOWS}")
    top[0].diff[...] = 1
    made.run_backward(top, [True], bottom)
    drawn = device.to_numpy(bottom[0].diff)  # 1 at what was taken
    sums = np.array(MEANS) * 4
    chances = EXAMPLE / np.kron(sums, np.ones((2, 2)))
    np.testing.assert_allclose(chances[:2, :2], CHANCES, rtol=1e-15)
    assert np.abs(drawn[:, 0].reshape(-1, 2, 2, 2, 2).sum((2, 4)) == 1).all()
    error = np.abs(drawn.mean((0, 1)) - chances) / np.sqrt(chances * (1 - chances) / DRAWS)
    assert error.max() < 3


def test_in_test_it_is_what_is_drawn_on_average(device):
    _, _, top = pooling(device, EXAMPLE[None, None], f"pool: STOCHASTIC {WINDOWS}", "TEST")
    y = device.to_numpy(top[0].data)[0, 0]
    assert y[0, 0] == pytest.approx((CHANCES * EXAMPLE[:2, :2]).sum(), rel=1e-12)  # 5.5
    np.testing.assert_allclose(y, [[5.5, 126 / 20], [3, 28.5 / 10]], rtol=1e-6)


def small_net(pool, seed):
    """Two convolutions, each followed by a pooling, whose rate of learning falls to 0."""
    net, bottom = input_of("x", 64, 1, 28, 28) + input_of("t", 64), "x"
    for index, outputs in enumerate((8, 16)):
        fields = f"num_output: {outputs} kernel_size: 5 weight_filler {{ type: 'xavier' }}"
        net += layer("Convolution", bottom, f"c{index}", f"convolution_param {{ {fields} }}")
        net += layer("Pooling", f"c{index}", f"p{index}", f"pooling_param {{ {pool} {WINDOWS} }}")
        net += layer("ReLU", f"p{index}", f"r{index}")
        bottom = f"r{index}"
    net += inner_product(bottom, "y", 10) + layer("SoftmaxWithLoss", "y t", "loss")
    falls = {"lr_policy": "poly", "power": 1.0, "max_iter": 300}
    return solver_of(net, seed, base_lr=0.05, momentum=0.9, **falls)


def mean_accuracy(pool):
    """After 300 iterations on MNIST, of three seeds."""
    train, test, found = mnist("train", 20000), mnist("t10k", 10000), []
    for seed in (1, 2, 3):
        solver = small_net(f"pool: {pool}", seed)
        train_on(solver, *train, 300, seed)
        found.append(accuracy(in_test(solver), *test))
    return np.mean(found)


@pytest.fixture(scope="module")
def with_maxima():
    return mean_accuracy("MAX")


@pytest.mark.slow
@pytest.mark.parametrize("p", [0.5, 0.9])
def test_with_the_second_largest_now_and_then_a_net_is_as_good(with_maxima, p):
    found = mean_accuracy(f"ENSEMBLE_MAX max_probability: {p}")
    assert with_maxima > 0.96
    assert abs(found - with_maxima) <= 0.005
