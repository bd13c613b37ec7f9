"""Learning-rate policies, against values of the original and by hand."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    ("cosine", {"max_iter": 6}, {0: 0.1, 1: 0.09330127, 2: 0.075, 3: 0.05, 6: 0, 9: 0}),
    ("cosine", {"max_iter": 4, "min_lr": 0.02}, {0: 0.1, 1: 0.08828427, 2: 0.06, 4: 0.02, 7: 0.02}),
    ("plateau", {"gamma": 0.5}, {0: 0.1, 99: 0.1}),
    ("fixed", {"warmup_iter": 4}, {0: 0, 1: 0.025, 2: 0.05, 3: 0.075, 4: 0.1, 5: 0.1}),
    ("fixed", {"warmup_iter": 5, "warmup_start_lr": 0.05}, {0: 0.05, 1: 0.06, 4: 0.09, 5: 0.1}),
    ("fixed", {"warmup_iter": 1, "warmup_start_lr": 0.3}, {0: 0.3, 1: 0.1}),
    (
        "step",
        {"gamma": 0.5, "stepsize": 2, "warmup_iter": 3, "warmup_start_lr": 0.01},
        {0: 0.01, 1: 0.04, 2: 0.03666667, 3: 0.05, 4: 0.025},
    ),
    (
        "multistep",
        {"gamma": 0.5, "stepvalue": [1, 9], "warmup_iter": 2},
        {0: 0, 1: 0.025, 2: 0.05, 9: 0.025},
    ),
    ("cosine", {"max_iter": 6, "warmup_iter": 3}, {0: 0, 1: 0.03110042, 2: 0.05, 3: 0.05, 6: 0}),
    ("poly", {"power": 1, "max_iter": 5, "warmup_iter": 2}, {0: 0, 1: 0.04, 2: 0.06, 5: 0}),
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
        ("cosine", {"max_iter": 5}, 9, 0, 0),
        ("plateau", {"gamma": 0.5}, 9, 3, 3),  # raised by who watches the tests
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
        ({"lr_policy": "inv", "gamma": 0.1, "power": float("inf")}, "power is inf, expected a fin"),
        ({"lr_policy": "poly", "max_iter": 5, "power": -1}, "power is -1, expected >= 0"),
        ({"lr_policy": "fixed", "base_lr": float("nan")}, "base_lr is nan, expected a finite"),
        ({"lr_policy": "cosine"}, "max_iter is 0, expected > 0: lr_policy is 'cosine'"),
        ({"lr_policy": "cosine", "max_iter": 5, "min_lr": -1}, "min_lr is -1, expected >= 0"),
        (
            {"lr_policy": "cosine", "max_iter": 5, "min_lr": 0.5, "base_lr": 0.25},
            "min_lr is 0.5, expected at most base_lr 0.25: lr_policy 'cosine' starts",
        ),
        (
            {"lr_policy": "plateau", "gamma": 0.5, "min_lr": 0.5, "base_lr": 0.25},
            "min_lr is 0.5, expected at most base_lr 0.25: lr_policy 'plateau' starts",
        ),
        ({"lr_policy": "plateau"}, "gamma is 0, expected > 0 and < 1: lr_policy is 'plateau'"),
        ({"lr_policy": "plateau", "gamma": 1}, "gamma is 1, expected > 0 and < 1"),
        ({"lr_policy": "fixed", "warmup_iter": -1}, "warmup_iter is -1, expected >= 0"),
        (
            {"lr_policy": "fixed", "warmup_iter": 9, "warmup_start_lr": -0.1},
            "warmup_start_lr is -0.1, expected >= 0",
        ),
    ],
)
def test_refuses(fields, message):
    with pytest.raises(SolverConfigError, match=message):
        check_policy(SolverParameter(**fields))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lr_policy": "step", "stepsize": 9}, "gamma is not given, and is 0 where .* 'step'"),
        ({"lr_policy": "inv", "power": 0.75}, "gamma is not given, and is 0 where .* 'inv'"),
        ({"lr_policy": "fixed", "min_lr": 0.01}, "min_lr is given, and lr_policy 'fixed' has none"),
        ({"lr_policy": "fixed", "warmup_start_lr": 0.01}, "warmup_start_lr is given, and there is"),
    ],
)
def test_warns(fields, message, caplog):
    check_policy(SolverParameter(base_lr=0.1, **fields))
    assert [bool(re.match(message, found)) for found in caplog.messages] == [True]


def test_warns_of_a_rate_that_is_not_given(caplog):
    check_policy(SolverParameter(lr_policy="fixed", base_lr=0))
    assert not caplog.messages
    check_policy(SolverParameter(lr_policy="fixed"))
    assert caplog.messages == ["base_lr is not given, and is 0: no weight will change"]


@pytest.mark.parametrize(("step", "rate"), [(0, 0.1), (1, 0.05), (2, 0.03), (9, 0.03)])
def test_plateau_falls_to_its_floor(step, rate):
    param = SolverParameter(base_lr=0.1, lr_policy="plateau", gamma=0.5, min_lr=0.03)
    assert learning_rate(param, 99, step) == pytest.approx(rate)


@given(
    policy=st.sampled_from(sorted(POLICIES)),
    warmup=st.integers(1, 60),
    start=st.sampled_from([0, 0.001, 0.01]),
    iteration=st.integers(0, 99),
    step=st.integers(0, 3),
)
def test_warm_up_lies_between_its_start_and_the_policy(policy, warmup, start, iteration, step):
    fields = {"base_lr": 0.1, "gamma": 0.5, "power": 0.5, "stepsize": 20, "max_iter": 100}
    plain = SolverParameter(lr_policy=policy, **fields)
    param = SolverParameter(lr_policy=policy, warmup_iter=warmup, warmup_start_lr=start, **fields)
    target = learning_rate(plain, iteration, step)
    found = learning_rate(param, iteration, step)
    if iteration >= warmup:
        assert found == target
    else:
        way = iteration / warmup
        assert found == pytest.approx((1 - way) * param.warmup_start_lr + way * target, abs=1e-15)


def test_a_rate_beyond_all_numbers_is_refused():
    param = SolverParameter(base_lr=0.1, lr_policy="exp", gamma=2)
    assert learning_rate(param, 1000) > 1e299
    with pytest.raises(SolverConfigError, match="rate of iteration 2000 is infinite"):
        learning_rate(param, 2000)


def test_poly_has_no_rate_past_its_end():
    param = SolverParameter(base_lr=0.1, lr_policy="poly", power=0.5, max_iter=5)
    with pytest.raises(SolverConfigError, match="iteration is 6, expected at most max_iter 5"):
        learning_rate(param, 6)
