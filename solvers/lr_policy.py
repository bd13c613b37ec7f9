"""Learning-rate policies: functions of the iteration and of the steps taken so far.

After: src/caffe/solvers/sgd_solver.cpp (GetLearningRate).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, pow

from minicaffe import log
from minicaffe.errors import SolverConfigError, did_you_mean
from minicaffe.proto.minicaffe_pb2 import SolverParameter


@dataclass(frozen=True)
class Policy:
    """A learning-rate policy.

    Attributes:
        factor: what ``base_lr`` is multiplied by, at an iteration and a number of steps.
        positive: the fields it reads that must be positive.
        decays: it shrinks by ``gamma``, which may not be negative and should be given.
        advance: the number of steps at an iteration, from that at the one before.
    """

    factor: Callable[[SolverParameter, int, int], float]
    positive: tuple[str, ...] = ()
    decays: bool = False
    advance: Callable[[SolverParameter, int, int], int] = lambda p, i, step: step


def _stepped(p: SolverParameter, i: int, step: int) -> float:
    return pow(p.gamma, step)


def _next_of_multistep(p: SolverParameter, i: int, step: int) -> int:
    """One step an iteration at most, as in the original."""
    return step + (step < len(p.stepvalue) and i >= p.stepvalue[step])


def _sigmoid(p: SolverParameter, i: int, step: int) -> float:
    x = p.gamma * (i - p.stepsize)
    return 1 / (1 + exp(-x)) if x > -700 else 0.0  # exp overflows beyond


POLICIES = {
    "fixed": Policy(lambda p, i, step: 1.0),
    "step": Policy(_stepped, ("stepsize",), True, lambda p, i, step: int(i // p.stepsize)),
    "exp": Policy(lambda p, i, step: pow(p.gamma, i), (), True),
    "inv": Policy(lambda p, i, step: pow(1 + p.gamma * i, -p.power), (), True),
    "multistep": Policy(_stepped, (), True, _next_of_multistep),
    "poly": Policy(lambda p, i, step: pow(1 - i / p.max_iter, p.power), ("max_iter",)),
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


def next_step(param: SolverParameter, iteration: int, step: int) -> int:
    """How many steps down are taken at ``iteration``, where ``step`` were at the one before."""
    return POLICIES[param.lr_policy].advance(param, iteration, step)


def learning_rate(param: SolverParameter, iteration: int, step: int = 0) -> float:
    """The learning rate of ``iteration``; ``param`` has passed ``check_policy``.

    Args:
        param: the solver's definition.
        iteration: number of updates done before it.
        step: what ``next_step`` says for it.

    Raises:
        SolverConfigError: poly, past its end: the original goes on with NaN.
    """
    if param.lr_policy == "poly" and iteration > param.max_iter:
        raise SolverConfigError(
            f"iteration is {iteration}, expected at most max_iter {param.max_iter}: "
            "lr_policy 'poly' ends there"
        )
    return float(param.base_lr) * POLICIES[param.lr_policy].factor(param, iteration, step)
