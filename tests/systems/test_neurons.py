"""Neurons and their nets, from McCulloch and Pitts to layers that normalize."""

from __future__ import annotations

import numpy as np
import pytest

from tests.systems.runs import fill, inner_product, input_of, layer, optdigits, solver_of

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
    """Item by item; the errors after each."""
    found = []
    for _ in range(epochs):
        for one, target in zip(x, t, strict=True):
            fill(solver.net, x=one[None], t=target[None])
            solver.step(1)
            found.append(errors(solver, x, t))
            if not found[-1]:
                return found
    return found


def test_a_perceptron_separates_what_can_be_separated(perceptron, rng):
    x = rng.uniform(-1, 1, (60, 2)).astype(np.float32)
    distance = x @ [2, -1] + 0.3
    x, t = x[abs(distance) > 0.2], np.sign(distance[abs(distance) > 0.2]).astype(np.float32)
    found = train(perceptron(), x, t, 100)  # Novikoff: (R / margin)^2 updates at most
    assert found[-1] == 0


def test_a_perceptron_cannot_learn_xor(perceptron, rng):
    solver, t = perceptron(), np.array([-1, 1, 1, -1], np.float32)
    assert min(train(solver, PAIRS, t, 60)) > 0
    found = []
    for _ in range(300):  # nor is there any that can
        for param in solver.net.params:
            param.blob.data[...] = rng.uniform(-1, 1, param.blob.shape)
        found.append(errors(solver, PAIRS, t))
    assert min(found) == 1


def test_two_layers_learn_xor():
    net = input_of("x", 4, 2) + input_of("t", 4, 1) + inner_product("x", "h", 2, 'type: "gaussian"')
    net += layer("TanH", "h", "a") + inner_product("a", "y", 1)
    solver = solver_of(net + layer("SigmoidCrossEntropyLoss", "y t", "loss"), seed=3, base_lr=0.5)
    fill(solver.net, x=PAIRS, t=np.array([[0], [1], [1], [0]], np.float32))
    solver.step(1500)
    assert (solver.net.blobs["y"].data.ravel() > 0).tolist() == [False, True, True, False]


def test_an_mlp_reads_digits():
    (x, t), (x_test, t_test) = optdigits()
    net = input_of("x", 64, 64) + input_of("t", 64) + inner_product("x", "h", 64)
    net += layer("Sigmoid", "h", "a") + inner_product("a", "y", 10)
    solver = solver_of(net + layer("SoftmaxWithLoss", "y t", "loss"), base_lr=0.5, momentum=0.9)
    rng = np.random.default_rng(0)
    for _ in range(600):
        chosen = rng.integers(0, len(x), 64)
        fill(solver.net, x=x[chosen], t=t[chosen])
        solver.step(1)
    fill(solver.net, x=x_test, t=t_test)
    solver.net.forward()
    assert (solver.net.blobs["y"].data.argmax(axis=1) == t_test).mean() >= 0.95


def test_activations_that_saturate_lose_the_gradient(rng):
    """Of nine layers the first gets 1e-5 of the last one's with Sigmoid, all of it with ReLU."""
    found = {}
    for kind, filler in (("Sigmoid", 'type: "xavier"'), ("ReLU", 'type: "msra"')):
        net, bottom = input_of("x", 32, 50) + input_of("t", 32), "x"
        for index in range(9):
            net += inner_product(bottom, f"h{index}", 50, filler)
            net += layer(kind, f"h{index}", f"a{index}")
            bottom = f"a{index}"
        net += inner_product(bottom, "y", 10) + layer("SoftmaxWithLoss", "y t", "loss")
        made = solver_of(net).net
        x = rng.standard_normal((32, 50)).astype(np.float32)
        fill(made, x=x, t=rng.integers(0, 10, 32))
        made.forward()
        made.clear_param_diffs()
        made.backward()
        first, last = (np.abs(made.params[index].blob.diff).mean() for index in (0, -4))
        found[kind] = first / last
    assert found["Sigmoid"] < 1e-3
    assert found["ReLU"] > 0.1


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
