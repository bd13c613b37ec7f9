"""Nets of nine layers: which activation lets the gradient pass, with and without BatchNorm."""

from __future__ import annotations

import numpy as np
import pytest

from tests.systems.runs import (
    accuracy,
    fill,
    in_test,
    inner_product,
    input_of,
    layer,
    mnist,
    solver_of,
    train_on,
)

FILLERS = {"Sigmoid": 'type: "xavier"', "ReLU": 'type: "msra"'}
HAS_BIAS = "scale_param { bias_term: true }"


def nine_layers(kind, seed, norm=False):
    """Eight hidden ones of 100, before each activation BatchNorm and Scale where there is norm."""
    net, bottom = input_of("x", 64, 1, 28, 28) + input_of("t", 64), "x"
    for index in range(8):
        net += inner_product(bottom, f"h{index}", 100, FILLERS[kind])
        bottom = f"h{index}"
        if norm:
            net += layer("BatchNorm", bottom, f"n{index}")
            net += layer("Scale", f"n{index}", f"s{index}", HAS_BIAS)
            bottom = f"s{index}"
        net += layer(kind, bottom, f"a{index}")
        bottom = f"a{index}"
    net += inner_product(bottom, "y", 10) + layer("SoftmaxWithLoss", "y t", "loss")
    return solver_of(net, seed, base_lr=0.02, momentum=0.9)


def first_to_last(solver, x, t):
    """The length of the gradient of the first layer's weights, by that of the last one's."""
    fill(solver.net, x=x[:64], t=t[:64])
    solver.net.forward()
    solver.net.clear_param_diffs()
    solver.net.backward()
    steps = [step for step in solver.net.steps if step.layer.type == "InnerProduct"]
    first, last = (np.linalg.norm(steps[index].layer.blobs[0].diff) for index in (0, -1))
    return first / last


SEEDS = [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("kind", "least", "most"), [("Sigmoid", 1e-6, 1e-4), ("ReLU", 0.3, 10)])
def test_how_much_of_the_gradient_reaches_the_first_layer(kind, least, most, seed):
    assert least < first_to_last(nine_layers(kind, seed), *mnist("train", 64)) < most


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("kind", "norm", "least", "most"),
    [("Sigmoid", False, 0, 0.3), ("ReLU", False, 0.85, 1), ("Sigmoid", True, 0.8, 1)],
    ids=["sigmoid", "relu", "sigmoid with batch norm"],
)
def test_who_learns_in_500_iterations(kind, norm, least, most, seed):
    solver = nine_layers(kind, seed, norm)
    train_on(solver, *mnist("train", 20000), 500, seed)
    found = accuracy(in_test(solver), *mnist("t10k", 10000))
    assert least <= found <= most


def test_batch_norm_in_training_wants_a_batch(rng):
    """Of one item nothing is left once its own mean is taken off; TEST has what was stored."""
    x, t = mnist("train", 6400)
    solver = nine_layers("Sigmoid", 1, norm=True)
    train_on(solver, x, t, 100)
    whole, x = in_test(solver), x[:40]
    fill(whole, x=x, t=t[:40])
    whole.forward()
    expected = whole.blobs["y"].data.copy()
    assert len(set(expected.argmax(axis=1))) > 3
    alone, trained = in_test(solver), solver.net
    for net, is_same in ((alone, True), (trained, False)):
        found = []
        for index in range(40):
            fill(net, x=x[index : index + 1], t=t[index : index + 1])
            net.forward()
            found.append(net.blobs["y"].data[0].copy())
        if is_same:
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(found, [found[0]] * 40)
