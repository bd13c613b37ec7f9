"""Learning-rate policies, against values of the original and by hand."""

from __future__ import annotations

import pytest

from minicaffe.errors import SolverConfigError
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solvers import check_policy, learning_rate, next_step
from minicaffe.solvers.lr_policy import POLICIES

# policy, fields, iteration -> rate; the original's are those of base_lr 0.1 over 1..5
CASES = [
    ("fixed", {}, {0: 0.1, 99: 0.1}),
    ("step", {"gamma": 0.5, "stepsize": 2}, {1: 0.1, 2: 0.05, 3: 0.05, 4: 0.025, 5: 0.025}),
    ("exp", {"gamma": 0.5}, {1: 0.05, 2: 0.025, 3: 0.0125, 4: 0.00625, 5: 0.003125}),
    (
        "inv",
        {"gamma": 0.5, "power": 1},
        {1: 0.066667, 2: 0.05, 3: 0.04, 4: 0.033333, 5: 0.028571},
    ),
    ("multistep", {"gamma": 0.5, "stepvalue": [1, 2]}, {0: 0.1, 1: 0.05, 2: 0.025, 5: 0.025}),
    ("multistep", {"gamma": 0.5, "stepvalue": [4, 2]}, {2: 0.1, 4: 0.05, 5: 0.025}),
    ("poly", {"power": 1, "max_iter": 5}, {1: 0.08, 2: 0.06, 3: 0.04, 4: 0.02, 5: 0}),
    ("sigmoid", {"gamma": -1, "stepsize": 7}, {0: 0.0999089, 7: 0.05, 1000: 0, 10000: 0}),
    ("sigmoid", {"gamma": 0.9, "stepsize": 5}, {5: 0.05, 100: 0.1}),
]


@pytest.mark.parametrize(("policy", "fields", "rates"), CASES)
def test_learning_rate(policy, fields, rates):
    param = SolverParameter(base_lr=0.1, lr_policy=policy, **fields)
    check_policy(param)
    found, step = {}, 0
    for i in range(max(rates) + 1):
        step = next_step(param, i, step)
        found[i] = learning_rate(param, i, step)
    found = {i: found[i] for i in rates}
    assert found == pytest.approx(rates, rel=2e-5, abs=1e-12)


def test_all_policies_are_covered():
    assert {policy for policy, _, _ in CASES} == set(POLICIES)


@pytest.mark.parametrize(
    ("policy", "fields", "iteration", "before", "step"),
    [
        ("step", {"stepsize": 3}, 7, 0, 2),
        ("multistep", {"stepvalue": [2, 5]}, 5, 1, 2),
        ("multistep", {"stepvalue": [2, 5]}, 4, 1, 1),
        ("multistep", {"stepvalue": [2, 5]}, 6, 0, 1),
        ("multistep", {"stepvalue": [9]}, 3, 1, 1),  # the file's, whatever stepvalue says
        ("fixed", {}, 9, 0, 0),
    ],
)
def test_next_step(policy, fields, iteration, before, step):
    assert next_step(SolverParameter(lr_policy=policy, **fields), iteration, before) == step


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lr_policy": "cosne"}, "lr_policy is 'cosne', expected one of fixed, step, "),
        ({"lr_policy": "Step"}, "did you mean 'step'"),
        ({}, "lr_policy is '', .* a solver needs one"),
        ({"lr_policy": "step", "gamma": 0.5}, "stepsize is 0, expected > 0: lr_policy is 'step'"),
        ({"lr_policy": "sigmoid", "gamma": 0.5, "stepsize": -1}, "stepsize is -1, expected > 0"),
        ({"lr_policy": "poly", "power": 0.5}, "max_iter is 0, expected > 0"),
        ({"lr_policy": "exp", "gamma": float("nan")}, "gamma is nan, expected >= 0"),
        ({"lr_policy": "inv", "gamma": -0.1}, "gamma is -0.1, expected >= 0"),
    ],
)
def test_refuses(fields, message):
    with pytest.raises(SolverConfigError, match=message):
        check_policy(SolverParameter(**fields))


def test_warns_of_a_gamma_that_is_not_given(caplog):
    check_policy(SolverParameter(lr_policy="step", stepsize=9))
    assert "gamma is not given" in caplog.text


def test_poly_has_no_rate_past_its_end():
    param = SolverParameter(base_lr=0.1, lr_policy="poly", power=0.5, max_iter=5)
    with pytest.raises(SolverConfigError, match="iteration is 6, expected at most max_iter 5"):
        learning_rate(param, 6)
