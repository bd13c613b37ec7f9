"""Learning-rate policies: pure functions of the iteration, so that a resume needs no state."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from math import exp, pow

from minicaffe import log
from minicaffe.errors import SolverConfigError, did_you_mean
from minicaffe.proto.minicaffe_pb2 import SolverParameter


@dataclass(frozen=True)
class Policy:
    """A learning-rate policy.

    Attributes:
        factor: what ``base_lr`` is multiplied by at an iteration.
        positive: the fields it reads that must be positive.
        decays: it shrinks by ``gamma``, which may not be negative and should be given.
        stages: number of steps taken at an iteration, which a snapshot records.
    """

    factor: Callable[[SolverParameter, int], float]
    positive: tuple[str, ...] = ()
    decays: bool = False
    stages: Callable[[SolverParameter, int], int] = lambda p, i: 0


def _steps(p: SolverParameter, i: int) -> int:
    return int(i // p.stepsize)


def _multisteps(p: SolverParameter, i: int) -> int:
    return bisect_right(list(accumulate(p.stepvalue, max)), i)


def _sigmoid(p: SolverParameter, i: int) -> float:
    x = p.gamma * (i - p.stepsize)
    return 1 / (1 + exp(-x)) if x > -700 else 0.0  # exp overflows beyond


POLICIES = {
    "fixed": Policy(lambda p, i: 1.0),
    "step": Policy(lambda p, i: pow(p.gamma, _steps(p, i)), ("stepsize",), True, _steps),
    "exp": Policy(lambda p, i: pow(p.gamma, i), (), True),
    "inv": Policy(lambda p, i: pow(1 + p.gamma * i, -p.power), (), True),
    "multistep": Policy(lambda p, i: pow(p.gamma, _multisteps(p, i)), (), True, _multisteps),
    "poly": Policy(lambda p, i: pow(1 - i / p.max_iter, p.power), ("max_iter",)),
    "sigmoid": Policy(_sigmoid, ("stepsize",)),
}


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
    for field in POLICIES[name].positive:
        found = getattr(param, field)
        if not found > 0:
            raise SolverConfigError(f"{field} is {found:g}, expected > 0: lr_policy is {name!r}")
    if POLICIES[name].decays:
        if not param.gamma >= 0:
            raise SolverConfigError(
                f"gamma is {param.gamma:g}, expected >= 0: lr_policy is {name!r}"
            )
        if not param.HasField("gamma"):
            log.warning(
                "sgd_solver.cpp:28",
                f"gamma is not given, and is 0 where lr_policy {name!r} reads it",
            )


def learning_rate(param: SolverParameter, iteration: int) -> float:
    """The learning rate of ``iteration``; ``param`` has passed ``check_policy``.

    Raises:
        SolverConfigError: poly, past its end: the original goes on with NaN.
    """
    if param.lr_policy == "poly" and iteration > param.max_iter:
        raise SolverConfigError(
            f"iteration is {iteration}, expected at most max_iter {param.max_iter}: "
            "lr_policy 'poly' ends there"
        )
    return float(param.base_lr) * POLICIES[param.lr_policy].factor(param, iteration)


def current_step(param: SolverParameter, iteration: int) -> int:
    """How many drops of the rate lie before ``iteration``: what a snapshot records."""
    return POLICIES[param.lr_policy].stages(param, iteration)
