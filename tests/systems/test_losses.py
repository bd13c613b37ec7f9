"""Losses as training sees them: their values and gradients by hand, and what they are for."""

from __future__ import annotations

import numpy as np
import pytest

from tests.build import build
from tests.systems.runs import (
    accuracy,
    fill,
    inner_product,
    input_of,
    layer,
    optdigits,
    solver_of,
    train_on,
)

HEADS = ("y1", "y2", "y")


def run(definition, device, *arrays, dtype=np.float64):
    """The loss, and its gradient for the first of ``arrays``."""
    made, bottom, top = build(definition, device, *arrays, dtype=dtype)
    made.run_forward(bottom, top)
    made.run_backward(top, [True] + [False] * (len(arrays) - 1), bottom)
    return float(device.to_numpy(top[0].data)), device.to_numpy(bottom[0].diff)


def test_the_gradient_of_softmax_loss_is_p_minus_one(device, rng):
    x, label = rng.standard_normal((4, 5)), np.array([2, 0, 4, 2])
    expected = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    loss = -np.log(expected[range(4), label]).sum()
    expected[range(4), label] -= 1
    definition = 'type: "SoftmaxWithLoss" loss_param { normalization: NONE }'
    found = run(definition, device, x, label)
    np.testing.assert_allclose(found[0], loss, rtol=1e-12)
    np.testing.assert_allclose(found[1], expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("far", [1e4, -1e4])
def test_softmax_loss_of_far_scores_is_finite(device, far, dtype):
    """A p of 0 counts as 2 ** -126, the least normal number of float32."""
    x, label = np.array([[0, far, 0], [far, far, 0]]), np.array([1, 2])
    loss, dx = run('type: "SoftmaxWithLoss"', device, x, label, dtype=dtype)
    least = 126 * np.log(2)
    if far > 0:
        expected = (0 + least) / 2, [[0, 0, 0], [0.25, 0.25, -0.5]]
    else:
        expected = (least + 0) / 2, [[0.25, -0.5, 0.25], [0, 0, 0]]
    np.testing.assert_allclose(loss, expected[0], rtol=1e-6)
    np.testing.assert_allclose(dx, expected[1], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_euclidean_loss_of_integers(device, dtype):
    """Two items that are 2, -2, 0 and 2, 0, -5 off: (4 + 4 + 4 + 25) / (2 * 2)."""
    x, t = np.array([[3, -1, 2], [0, 4, -5]]), np.array([[1, 1, 2], [-2, 4, 0]])
    made, bottom, top = build('type: "EuclideanLoss"', device, x, t, dtype=dtype)
    made.run_forward(bottom, top)
    made.run_backward(top, [True, True], bottom)
    assert float(device.to_numpy(top[0].data)) == 9.25
    dx, dt = (device.to_numpy(blob.diff).tolist() for blob in bottom)
    assert dx == [[1, -1, 0], [1, 0, -2.5]]
    assert dt == [[-1, 1, 0], [-1, 0, 2.5]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_cross_entropy_of_targets_between(device, dtype):
    """Far from 0 the loss is a line: |x| times what the target lacks."""
    x = np.array([[1000, -1000, 0], [2, -1000, -0.5]])
    t = np.array([[0.25, 0.25, 0.5], [0.875, 1e-3, 0.125]])
    loss, dx = run('type: "SigmoidCrossEntropyLoss"', device, x, t, dtype=dtype)
    sigmoid = np.array([[1, 0, 0.5], [1 / (1 + np.exp(-2)), 0, 1 / (1 + np.exp(0.5))]])
    near = [(0, 2), (1, 0), (1, 2)]
    lost = [-t[i] * np.log(sigmoid[i]) - (1 - t[i]) * np.log(1 - sigmoid[i]) for i in near]
    np.testing.assert_allclose(loss, (750 + 250 + 1 + sum(lost)) / 2, rtol=1e-6)
    np.testing.assert_allclose(dx, (sigmoid - t) / 2, atol=1e-7)


def branches(*weights, seed=1):
    """Nine layers of Sigmoid with a head after the third, the sixth and the ninth."""
    net, bottom, heads = input_of("x", 32, 50) + input_of("t", 32), "x", iter(HEADS)
    for index in range(9):
        net += inner_product(bottom, f"h{index}", 40) + layer("Sigmoid", f"h{index}", f"a{index}")
        bottom = f"a{index}"
        if index % 3 == 2:
            head = next(heads)
            weight = f"loss_weight: {weights[HEADS.index(head)]}"
            net += inner_product(bottom, head, 10)
            net += layer("SoftmaxWithLoss", f"{head} t", f"{head}_loss", weight)
    return solver_of(net, seed=seed).net


def backward(net, x, t):
    """The total loss, each head's, and the gradient of the first layer's weights."""
    fill(net, x=x, t=t)
    total = float(net.forward())
    net.clear_param_diffs()
    net.backward()
    losses = [float(net.blobs[f"{head}_loss"].data) for head in HEADS]
    return total, losses, net.params[0].blob.diff.copy()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_heads_on_early_layers(seed):
    """GoogLeNet's: each adds its weighted loss, and a gradient that nine layers would swallow."""
    rng = np.random.default_rng(seed)
    x, t = rng.standard_normal((32, 50)).astype(np.float32), rng.integers(0, 10, 32)
    total, losses, gradient = backward(branches(0.3, 0.3, 1, seed=seed), x, t)
    assert len(set(losses)) == 3
    np.testing.assert_allclose(total, 0.3 * losses[0] + 0.3 * losses[1] + losses[2], rtol=1e-6)
    alone = [
        backward(branches(*(int(head == other) for other in HEADS), seed=seed), x, t)[2]
        for head in HEADS
    ]
    expected = 0.3 * alone[0] + 0.3 * alone[1] + alone[2]
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5 * abs(expected).max())
    assert np.linalg.norm(gradient) > 100 * np.linalg.norm(alone[2])


SLOW = [pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3)]


@pytest.mark.parametrize("seed", [1, *SLOW])
@pytest.mark.parametrize("norm", ["L1", "L2"])
def test_a_linear_svm_reads_digits(norm, seed):
    net = input_of("x", 64, 64) + input_of("t", 64) + inner_product("x", "y", 10)
    net += layer("HingeLoss", "y t", "loss", f"hinge_loss_param {{ norm: {norm} }}")
    rate = {"base_lr": 0.1, "lr_policy": "poly", "power": 1.0, "max_iter": 3000}
    solver = solver_of(net, seed, momentum=0.9, weight_decay=1e-4, **rate)
    train, test = optdigits()
    train_on(solver, *train, iterations=3000, seed=seed)
    assert accuracy(solver.net, *test) >= 0.94
