"""Whole runs: the original's figures for one weight, and nets in plain float64 loops."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minicaffe.device import Device, cpu
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solver import Solver
from minicaffe.solvers import learning_rate, next_step
from tests import fake_cupy
from tests.solvers import plain

ONE_WEIGHT = """
layer { name: "in" type: "DummyData" top: "x" top: "t" dummy_data_param {
  shape { dim: 1 dim: 1 } shape { dim: 1 dim: 1 } data_filler { type: "constant" value: 1 }
  data_filler { type: "constant" value: 0 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y" inner_product_param {
  num_output: 1 bias_term: false weight_filler { type: "constant" value: 2 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "loss" }
"""


def solver_of(text, net, device=None):
    param = text_format.Parse(text, SolverParameter(snapshot_after_train=False))
    text_format.Parse(net, param.net_param)
    return Solver(param, device or cpu())


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("momentum: 0.9", (1.8, 1.44, 0.972)),
        ('type: "Nesterov" momentum: 0.9', (1.62, 1.1502, 0.654642)),
        ('type: "AdaGrad"', (1.9, 1.831125, 1.775821)),
        ('type: "RMSProp" rms_decay: 0.9', (1.683772, 1.473875, 1.308718)),
        (
            'type: "AdaDelta" base_lr: 1 momentum: 0.95 delta: 1e-6',
            (1.995528, 1.991004, 1.986448),
        ),
        ('type: "Adam" momentum: 0.9', (1.9, 1.800166, 1.700623)),
        ('type: "Adam"', (1.9, 1.802595, 1.707847)),
        ("weight_decay: 0.5", (1.7, 1.445, 1.22825)),
        ('weight_decay: 0.5 regularization_type: "L1"', (1.75, 1.525, 1.3225)),
        ("clip_gradients: 1", (1.9, 1.8, 1.7)),
        ("clip_gradients: 1 iter_size: 4", (1.975, 1.95, 1.925)),
        ("iter_size: 4", (1.8, 1.62, 1.458)),
    ],
)
def test_one_weight_goes_the_originals_way(device, text, weights):
    base = "" if "base_lr" in text else "base_lr: 0.1 "
    solver = solver_of(f'{base}lr_policy: "fixed" {text}', ONE_WEIGHT, device)
    found = []
    for _ in weights:
        solver.step(1)
        found.append(float(solver.net.params[0].blob.data[0, 0]))
    assert found == pytest.approx(weights, abs=2e-6)


# W is shared: its multipliers come from one layer each; the biases have their own
SHARED = """
input: "x" input_shape { dim: 5 dim: 3 } input: "t" input_shape { dim: 5 dim: 3 }
layer { name: "one" type: "InnerProduct" bottom: "x" top: "h" inner_product_param { num_output: 3 }
  param { name: "W" lr_mult: 0.5 } param { lr_mult: 2 decay_mult: 0 } }
layer { name: "two" type: "InnerProduct" bottom: "h" top: "y" inner_product_param { num_output: 3 }
  param { name: "W" decay_mult: 3 } param { lr_mult: 0 } }
layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "loss" }
"""
LR_MULTS, DECAY_MULTS = [0.5, 2.0, 0.0], [3.0, 0.0, 1.0]


def gradients(weights, x, t):
    """Of the Euclidean loss of ``W (W x + b) + c``, for W, b and c."""
    w, b, c = weights
    h = x @ w.T + b
    dy = (h @ w.T + c - t) / len(x)
    dh = dy @ w
    return dy.T @ h + dh.T @ x, dh.sum(0), np.zeros(3)  # c does not learn: no gradient


def run_both(text, device, seed):
    """Train with the solver and in plain loops; returns the weights of both, iteration by
    iteration.
    """
    rng = np.random.default_rng(seed)
    solver = solver_of(text, SHARED, device)
    p, xp = solver.param, device.xp
    start = [rng.uniform(0.2, 0.9, p.blob.shape) for p in solver.net.params]
    for param, w in zip(solver.net.params, start, strict=True):
        param.blob.data[...] = xp.asarray(w.astype(np.float32))
    trainer = plain.Trainer(p, start, LR_MULTS, DECAY_MULTS)
    batches = rng.standard_normal((6, p.iter_size, 2, 5, 3))
    forward, queue = solver.net.forward, []

    def feed_and_forward():
        for name, array in zip("xt", queue.pop(0), strict=True):
            solver.net.blobs[name].data[...] = xp.asarray(array.astype(np.float32))
        return forward()

    solver.net.forward = feed_and_forward
    step = 0
    for iteration, passes in enumerate(batches):
        queue.extend(passes)
        solver.step(1)
        step = next_step(p, iteration, step)
        each = [gradients(trainer.weights, x, t) for x, t in passes]
        sums = [sum(parts) for parts in zip(*each, strict=True)]
        trainer.step(sums, learning_rate(p, iteration, step))
        yield [device.to_numpy(p.blob.data) for p in solver.net.params], trainer.weights


DETAILS = {
    "AdaDelta": "base_lr: 1 momentum: 0.9 delta: 0.001",
    "AdaGrad": "base_lr: 0.1 delta: 0.01",
    "Adam": "base_lr: 0.05 momentum: 0.9 momentum2: 0.99 delta: 0.01",
    "AdamW": "base_lr: 0.05 momentum: 0.9 momentum2: 0.99 delta: 0.01",
    "LARS": "base_lr: 0.5 momentum: 0.9 trust_coefficient: 0.1",
    "Nesterov": "base_lr: 0.05 momentum: 0.9",
    "RMSProp": "base_lr: 0.02 rms_decay: 0.9 delta: 0.01",
    "SGD": "base_lr: 0.05 momentum: 0.9",
}


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.differing_executors],
)
@given(
    rule=st.sampled_from(list(DETAILS)),
    decay=st.sampled_from(["", "weight_decay: 0.1", 'weight_decay: 0.1 regularization_type: "L1"']),
    clip=st.sampled_from(["", "clip_gradients: 0.7"]),
    iter_size=st.integers(1, 3),
    policy=st.sampled_from(
        [
            '"fixed"',
            '"multistep" gamma: 0.5 stepvalue: 2 stepvalue: 3',
            '"cosine" max_iter: 6 min_lr: 0.001 warmup_iter: 3 warmup_start_lr: 0.01',
        ]
    ),
    is_fake=st.booleans(),
    seed=st.integers(0, 999),
)
def test_combinations(rule, decay, clip, iter_size, policy, is_fake, seed):
    device = Device(fake_cupy, 0, np.random.default_rng(1)) if is_fake else cpu()
    text = f'type: "{rule}" {DETAILS[rule]} {decay} {clip} iter_size: {iter_size}'
    for found, expected in run_both(f"{text} lr_policy: {policy}", device, seed):
        assert len(found) == len(expected) == 3
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("rule", DETAILS)
def test_everything_at_once(device, rule):
    text = (
        f'type: "{rule}" {DETAILS[rule]} weight_decay: 0.1 regularization_type: "L1" '
        'clip_gradients: 0.7 iter_size: 2 lr_policy: "step" stepsize: 2 gamma: 0.5 warmup_iter: 3'
    )
    last = None
    for found, expected in run_both(text, device, seed=7):
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-5)
        assert last is None or np.abs(found[0] - last).max() > 1e-4
        last = found[0].copy()


@pytest.mark.parametrize("rule", DETAILS)
def test_two_runs_give_the_same_bits(rule):
    text = f'type: "{rule}" {DETAILS[rule]} weight_decay: 0.1 lr_policy: "fixed"'
    runs = [[[w.copy() for w in found] for found, _ in run_both(text, cpu(), 3)] for _ in range(2)]
    for one, other in zip(*runs, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
