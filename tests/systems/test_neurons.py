"""Neurons and their nets, from McCulloch and Pitts to layers that normalize."""

from __future__ import annotations

import numpy as np
import pytest

from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter
from minicaffe.proto.text import parse
from tests.systems.runs import (
    accuracy,
    fill,
    in_test,
    inner_product,
    input_of,
    layer,
    optdigits,
    solver_of,
    train_on,
)

PAIRS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
PERCEPTRON = '''
import minicaffe


class Perceptron(minicaffe.Layer):
    """Rosenblatt's rule as a loss: max(0, -t y), its gradient -t also where y is 0."""

    def reshape(self, bottom, top):
        top[0].reshape()

    def forward(self, bottom, top):
        y, t = (blob.data.reshape(-1) for blob in bottom)
        self.wrong = t * y <= 0
        top[0].data[...] = abs(y[self.wrong]).sum()

    def backward(self, top, propagate_down, bottom):
        t = bottom[1].data.reshape(-1)
        bottom[0].diff[...] = (-t * self.wrong).reshape(bottom[0].shape)
'''


@pytest.mark.parametrize(
    ("weights", "threshold", "table"),
    [([1, 1], 1.5, [0, 0, 0, 1]), ([1, 1], 0.5, [0, 1, 1, 1]), ([-1, 0], -0.5, [1, 1, 0, 0])],
    ids=["and", "or", "not"],
)
def test_mcculloch_and_pitts(weights, threshold, table):
    net = input_of("x", 4, 2) + inner_product("x", "s", 1)
    net += layer("Threshold", "s", "y", f"threshold_param {{ threshold: {threshold} }}")
    net = solver_of(net).net
    net.params[0].blob.data[...] = weights
    fill(net, x=PAIRS)
    net.forward()
    assert net.blobs["y"].data.ravel().tolist() == table


@pytest.fixture
def perceptron(tmp_path, monkeypatch):
    (tmp_path / "rosenblatt.py").write_text(PERCEPTRON)
    monkeypatch.syspath_prepend(tmp_path)
    net = input_of("x", 1, 2) + input_of("t", 1) + inner_product("x", "y", 1)
    fields = 'loss_weight: 1 python_param { module: "rosenblatt" layer: "Perceptron" }'
    return lambda: solver_of(net + layer("Python", "y t", "loss", fields), base_lr=1.0)


def errors(solver, x, t):
    fill(solver.net, x=x, t=t)
    solver.net.forward()
    return int((np.sign(solver.net.blobs["y"].data.ravel()) != t).sum())


def train(solver, x, t, epochs):
    """Item by item; the errors after each that changed the weights."""
    found = []
    for _ in range(epochs):
        for one, target in zip(x, t, strict=True):
            fill(solver.net, x=one[None], t=target[None])
            before = [param.blob.data.copy() for param in solver.net.params]
            solver.step(1)
            after = [param.blob.data for param in solver.net.params]
            if any((a != b).any() for a, b in zip(before, after, strict=True)):
                found.append(errors(solver, x, t))
                if not found[-1]:
                    return found
    return found


def test_a_perceptron_separates_what_can_be_separated(perceptron, rng):
    x = rng.uniform(-1, 1, (60, 2)).astype(np.float32)
    distance = x @ [2, -1] + 0.3
    x, t = x[abs(distance) > 0.2], np.sign(distance[abs(distance) > 0.2]).astype(np.float32)
    solver = perceptron()
    for param in solver.net.params:
        param.blob.data[...] = 0
    found = train(solver, x, t, 100)
    longest, margin = (x**2).sum(axis=1).max() + 1, abs(x @ [2, -1] + 0.3).min() ** 2 / 5.09
    assert found[-1] == 0
    assert 1 < len(found) <= longest / margin  # 306: Novikoff, 1962


def test_a_perceptron_cannot_learn_xor(perceptron, rng):
    solver, t = perceptron(), np.array([-1, 1, 1, -1], np.float32)
    assert min(train(solver, PAIRS, t, 60)) > 0
    found = []
    for _ in range(300):  # nor is there any that gets more than 75 %
        for param in solver.net.params:
            param.blob.data[...] = rng.uniform(-1, 1, param.blob.shape)
        found.append(errors(solver, PAIRS, t))
    assert min(found) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_layers_learn_xor(seed):
    gaussian = 'type: "gaussian" std: 0.5'
    net = input_of("x", 4, 2) + input_of("t", 4, 1) + inner_product("x", "h", 2, gaussian)
    net += layer("TanH", "h", "a") + inner_product("a", "y", 1, gaussian)
    net += layer("EuclideanLoss", "y t", "loss")
    solver = solver_of(net, seed, base_lr=0.2, momentum=0.9)
    fill(solver.net, x=2 * PAIRS - 1, t=np.array([[0], [1], [1], [0]], np.float32))
    solver.step(3000)
    assert (solver.net.blobs["y"].data.ravel() > 0.5).tolist() == [False, True, True, False]


def mlp(batch):
    net = input_of("x", batch, 64) + input_of("t", batch) + inner_product("x", "h", 64)
    net += layer("Sigmoid", "h", "a") + inner_product("a", "y", 10)
    return net + layer("SoftmaxWithLoss", "y t", "loss")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_mlp_reads_digits(seed):
    train, test = optdigits()
    falls = {"lr_policy": "poly", "power": 1.0, "max_iter": 1500}
    solver = solver_of(mlp(64), seed, base_lr=0.5, momentum=0.9, **falls)
    train_on(solver, *train, 1500, seed)
    assert accuracy(in_test(solver), *test) >= 0.95


def test_the_gradient_of_an_mlp_is_that_of_its_loss(rng):
    """Through all its layers at once, to what it sees and to each of its parameters."""
    net = Net(parse(f"force_backward: true {mlp(5)}", NetParameter), dtype=np.float64)
    x, t = (part[:5] for part in optdigits()[0])
    fill(net, x=x, t=t)
    net.clear_param_diffs()
    net.forward()
    net.backward()
    for blob in [net.blobs["x"], *(param.blob for param in net.params)]:
        for index in rng.choice(blob.count, min(30, blob.count), replace=False):
            place, losses = np.unravel_index(index, blob.shape), []
            value = blob.data[place]
            for moved in (value - 1e-4, value + 1e-4):
                blob.data[place] = moved
                losses.append(float(net.forward()))
            blob.data[place] = value
            numeric = (losses[1] - losses[0]) / 2e-4
            assert blob.diff[place] == pytest.approx(numeric, rel=1e-5, abs=1e-8)


def test_the_bound_on_a_chain_of_sigmoids(rng):
    """Each one passes at most a quarter, whatever the weights are up to 1."""
    net, bottom = input_of("x", 1000, 1) + input_of("t", 1000, 1), "x"
    for index in range(4):
        net += layer("Sigmoid", bottom, f"s{index}")
        bottom = f"s{index}"
    net += layer("EuclideanLoss", f"{bottom} t", "loss")
    made = solver_of(f"force_backward: true {net}").net
    fill(made, x=10 * rng.standard_normal((1000, 1)), t=np.zeros((1000, 1)))
    made.forward()
    made.backward()
    passed = np.abs(made.blobs["x"].diff) / np.abs(made.blobs[bottom].diff)
    assert passed.max() <= 0.25**4
    assert passed.max() > 0.25**4 / 5


def test_unbalanced_inputs_make_gradients_explode():
    """Two chains of two weights, one of which sees 0.01 and the other 100, twice over."""
    net = input_of("a", 1, 1) + input_of("b", 1, 1) + input_of("t", 1, 1)
    for x in "ab":
        net += inner_product(x, f"{x}1", 1) + inner_product(f"{x}1", f"{x}2", 1)
    net += layer("Eltwise", "a2 b2", "y") + layer("EuclideanLoss", "y t", "loss")
    made = solver_of(net).net
    weights = {step.name: step.layer.blobs[0] for step in made.steps if step.layer.blobs}
    for name, value in {"a1": 1, "a2": 1, "b1": 1, "b2": 100}.items():
        weights[name].data[...] = value
    y = 0.01 + 100 * 100
    fill(made, a=np.full((1, 1), 0.01), b=np.full((1, 1), 100), t=np.full((1, 1), y + 1))
    made.forward()
    made.clear_param_diffs()
    made.backward()
    found = [weights[name].diff.item() for name in ("a2", "b2", "a1", "b1")]
    np.testing.assert_allclose(found, [-0.01, -100, -0.01, -1e4], rtol=1e-3)
