"""Learning-rate policies: functions of the iteration and of the steps taken so far.

After: src/caffe/solvers/sgd_solver.cpp (GetLearningRate). Not there: cosine (Loshchilov and
Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, without the restarts),
plateau, and the warm-up in front of any policy (Goyal et al., "Accurate, large minibatch SGD:
training ImageNet in 1 hour", 2017).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import cos, exp, pi, pow

from minicaffe import glog
from minicaffe.errors import SolverConfigError, did_you_mean
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solvers.limits import (
    FINITE,
    FRACTION,
    NOT_NEGATIVE,
    POSITIVE,
    Ranges,
    check_ranges,
)


@dataclass(frozen=True)
class Policy:
    """A learning-rate policy.

    Attributes:
        rate: the learning rate at an iteration and a number of steps.
        ranges: what the fields it reads may be, ``base_lr`` aside.
        advance: the number of steps at an iteration, from that at the one before.
    """

    rate: Callable[[SolverParameter, int, int], float]
    ranges: Ranges = field(default_factory=dict)
    advance: Callable[[SolverParameter, int, int], int] = lambda p, i, step: step


def _stepped(p: SolverParameter, i: int, step: int) -> float:
    return p.base_lr * pow(p.gamma, step)


def _next_of_multistep(p: SolverParameter, i: int, step: int) -> int:
    """One step an iteration at most, as in the original."""
    return step + (step < len(p.stepvalue) and i >= p.stepvalue[step])


def _poly(p: SolverParameter, i: int, step: int) -> float:
    if i > p.max_iter:
        raise SolverConfigError(
            f"iteration is {i}, expected at most max_iter {p.max_iter}: lr_policy 'poly' ends there"
        )
    return p.base_lr * pow(1 - i / p.max_iter, p.power)


def _sigmoid(p: SolverParameter, i: int, step: int) -> float:
    x = p.gamma * (i - p.stepsize)
    return p.base_lr * (1 / (1 + exp(-x)) if x > -700 else 0.0)  # exp overflows beyond


def _cosine(p: SolverParameter, i: int, step: int) -> float:
    share = (1 + cos(pi * min(1.0, i / p.max_iter))) / 2
    return p.min_lr + (p.base_lr - p.min_lr) * share


_FALLS = {"gamma": NOT_NEGATIVE}

POLICIES = {
    "fixed": Policy(lambda p, i, step: p.base_lr),
    "step": Policy(
        _stepped, {"stepsize": POSITIVE, **_FALLS}, lambda p, i, step: int(i // p.stepsize)
    ),
    "exp": Policy(lambda p, i, step: p.base_lr * pow(p.gamma, i), _FALLS),
    "inv": Policy(
        lambda p, i, step: p.base_lr * pow(1 + p.gamma * i, -p.power), {**_FALLS, "power": FINITE}
    ),
    "multistep": Policy(_stepped, _FALLS, _next_of_multistep),
    "poly": Policy(_poly, {"max_iter": POSITIVE, "power": NOT_NEGATIVE}),
    "sigmoid": Policy(_sigmoid, {"stepsize": POSITIVE, "gamma": FINITE}),
    "cosine": Policy(_cosine, {"max_iter": POSITIVE, "min_lr": NOT_NEGATIVE}),
    "plateau": Policy(
        lambda p, i, step: max(_stepped(p, i, step), p.min_lr),
        {"gamma": FRACTION, "min_lr": NOT_NEGATIVE},
    ),
}
_ALWAYS = {"base_lr": FINITE, "warmup_iter": NOT_NEGATIVE, "warmup_start_lr": NOT_NEGATIVE}


def check_policy(param: SolverParameter) -> None:
    """Refuse at once what would fail at some later iteration.

    ``gamma`` may be negative for sigmoid, which is how its rate falls; the original refuses
    that, and its documentation uses it.

    Raises:
        SolverConfigError: unknown ``lr_policy``, or a field it reads has no sensible value.
    """
    name = param.lr_policy
    if name not in POLICIES:
        raise SolverConfigError(
            f"lr_policy is {name!r}, expected one of {', '.join(POLICIES)}"
            + (f"; {did_you_mean(name, POLICIES)}" if name else ": a solver needs one")
        )
    ranges = POLICIES[name].ranges
    check_ranges(param, {**ranges, **_ALWAYS}, f"lr_policy is {name!r}")
    if "min_lr" in ranges and param.min_lr > param.base_lr:
        raise SolverConfigError(
            f"min_lr is {param.min_lr:g}, expected at most base_lr {param.base_lr:g}: "
            f"lr_policy {name!r} starts at the one and ends at the other"
        )
    _warn(param, ranges)


def _warn(param: SolverParameter, ranges: Ranges) -> None:
    name = param.lr_policy
    if not param.HasField("base_lr"):
        glog.warning("sgd_solver.cpp:28", "base_lr is not given, and is 0: no weight will change")
    if ranges.get("gamma") is NOT_NEGATIVE and not param.HasField("gamma"):
        glog.warning(
            "sgd_solver.cpp:28",
            f"gamma is not given, and is 0 where lr_policy {name!r} reads it",
        )
    if param.HasField("min_lr") and "min_lr" not in ranges:
        glog.warning("sgd_solver.cpp:28", f"min_lr is given, and lr_policy {name!r} has none")
    if param.HasField("warmup_start_lr") and not param.warmup_iter:
        glog.warning(
            "sgd_solver.cpp:28", "warmup_start_lr is given, and there is no warm-up: warmup_iter"
        )


def next_step(param: SolverParameter, iteration: int, step: int) -> int:
    """How many steps down are taken at ``iteration``, where ``step`` were at the one before."""
    return POLICIES[param.lr_policy].advance(param, iteration, step)


def learning_rate(param: SolverParameter, iteration: int, step: int = 0) -> float:
    """The learning rate of ``iteration``; ``param`` has passed ``check_policy``.

    While ``iteration < warmup_iter`` it is on its way from ``warmup_start_lr``: that plus
    ``iteration / warmup_iter`` of the difference to what the policy says at this very iteration.
    With a policy that does not move meanwhile this is a straight line; one that falls meanwhile
    bends it, so that the two meet without a jump, and steps taken in a warm-up are seen in it.

    Args:
        param: the solver's definition.
        iteration: number of updates done before it.
        step: what ``next_step`` says for it.

    Raises:
        SolverConfigError: poly, past its end, where the original goes on with NaN; a rate too
            large for a number.
    """
    try:
        rate = POLICIES[param.lr_policy].rate(param, iteration, step)
    except OverflowError as error:
        raise SolverConfigError(
            f"the learning rate of iteration {iteration} is infinite, expected a number: "
            f"lr_policy is {param.lr_policy!r}"
        ) from error
    if iteration < param.warmup_iter:
        start = param.warmup_start_lr
        rate = start + (rate - start) * iteration / param.warmup_iter
    return float(rate)
