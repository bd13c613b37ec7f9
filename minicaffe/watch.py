"""Watching a test output: lr_policy plateau, early_stop, snapshot_best.

Each is a callback, made by ``watchers`` where the solver's definition asks for it. What it has
seen is state of the run: a snapshot written while a test runs holds what was before that test,
and the resumed run tests again. So nothing that a snapshot records may change inside a test:
a plateau lowers the rate at the start of the iteration after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minicaffe import glog, snapshot
from minicaffe.callbacks import Callback
from minicaffe.errors import SolverConfigError, WeightsError, did_you_mean
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.score import Score
from minicaffe.solvers import learning_rate

if TYPE_CHECKING:
    from minicaffe.solver import Solver

_WHERE = "watch.py:1"


@dataclass(frozen=True)
class Watched:
    """A test output.

    Attributes:
        net: index of its test net.
        name: of the output, of which the first element counts; "" for the net's loss.
        lower: it is better when it is lower.
    """

    net: int
    name: str
    lower: bool

    def value(self, scores: Sequence[Score]) -> float:
        """Its mean in a test."""
        score = scores[self.net]
        return score.first()[self.name] if self.name else score.loss

    def is_better(self, value: float, best: float | None) -> bool:
        """``value`` beats ``best``, None where there is none yet; NaN never does."""
        if value != value or best is None:
            return value == value
        return value < best if self.lower else value > best

    def __str__(self) -> str:
        return self.name or "test loss"


class Watcher(Callback):
    """Counts the tests since the best one.

    Attributes:
        watched: what it looks at.
        best: the best value so far, None before the first.
        best_iteration: when it was seen.
        waited: tests since then, or since ``waited`` was last set to 0.
        last_test: iteration of the last test that counted: one iteration counts once.
        started: it has been in this run before, or in the one that this goes on with.
    """

    def __init__(self, watched: Watched, patience: int = 0) -> None:
        self.watched = watched
        self.patience = patience
        self.best: float | None = None
        self.best_iteration = self.waited = 0
        self.last_test = -1
        self.started = False

    def on_tested(self, solver: Solver, scores: Sequence[Score]) -> None:
        """Take in a test."""
        if solver.iteration == self.last_test:
            return
        self.last_test = solver.iteration
        value = self.watched.value(scores)
        if self.watched.is_better(value, self.best):
            self.best, self.best_iteration, self.waited = value, solver.iteration, 0
            self.on_better(solver)
        else:
            self.waited += 1
            self.on_no_better(solver)

    def on_better(self, solver: Solver) -> None:
        """After a test that was better than all before."""

    def on_no_better(self, solver: Solver) -> None:
        """After a test that was not."""

    def state(self) -> dict[str, Any]:
        """What has been seen."""
        return {
            "watched": str(self.watched),
            "best": self.best,
            "best_iteration": self.best_iteration,
            "waited": self.waited,
            "last_test": self.last_test,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from ``state``, unless it is of another output.

        Raises:
            WeightsError: it is damaged; nothing has changed.
        """
        try:
            best = None if state["best"] is None else float(state["best"])
            counts = [int(state[name]) for name in ("best_iteration", "waited", "last_test")]
            watched = state["watched"]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise WeightsError(f"the state of {type(self).__name__} is damaged: {error}") from error
        self.started = True
        if watched == str(self.watched):
            self.best, (self.best_iteration, self.waited, self.last_test) = best, counts

    def _finding(self, solver: Solver) -> str:
        best = "has been NaN"
        if self.best is not None:
            best = f"has not become better than {glog.number(self.best)}, of iteration "
            best += f"{self.best_iteration},"
        return f"Iteration {solver.iteration}: {self.watched} {best} in {self.patience} test(s)"


class Plateau(Watcher):
    """``lr_policy: "plateau"``: a step down after ``plateau_patience`` tests that were no better.

    The count starts again from there, the best value stays. The rate stops at ``min_lr``.
    """

    def on_start(self, solver: Solver) -> None:
        """Step down where patience is at its end."""
        if not self.started and solver.current_step:
            glog.warning(
                _WHERE,
                f"current_step of the snapshot is {solver.current_step}, of another lr_policy: "
                f"plateau goes on from it, lr = {glog.number(solver.lr)}",
            )
        self.started = True
        if self.waited < self.patience:
            return
        self.waited = 0
        past_warmup = max(solver.iteration, solver.param.warmup_iter)
        before, after = (
            learning_rate(solver.param, past_warmup, step)
            for step in (solver.current_step, solver.current_step + 1)
        )
        if after != before:
            solver.current_step += 1
            lr = f"lr = {glog.number(after)}"
            glog.info(_WHERE, f"{self._finding(solver)}, lr_policy plateau: {lr}")


class EarlyStop(Watcher):
    """``early_stop``: end training after ``early_stop_patience`` tests that were no better."""

    def on_no_better(self, solver: Solver) -> None:
        """Stop where patience is at its end."""
        if self.waited >= self.patience:
            glog.info(_WHERE, f"{self._finding(solver)}, early_stop: stopping")
            solver.stop()


class SnapshotBest(Watcher):
    """``snapshot_best``: keep a snapshot of the best test, ``PREFIX_best``."""

    def on_better(self, solver: Solver) -> None:
        """Write it, in place of the former one.

        Raises:
            WeightsError: it cannot be written.
        """
        value = f"{self.watched} = {glog.number(self.best or 0.0)}"
        glog.info(_WHERE, f"Iteration {solver.iteration}: {value} is the best so far")
        snapshot.save(solver, "best")


def watchers(param: SolverParameter, nets: Sequence[Net]) -> list[Watcher]:
    """The callbacks that ``param`` asks for, where ``nets`` are its test nets.

    Raises:
        SolverConfigError: an output that no test net has; says which it may be.
    """
    for name in param.lower_is_better:
        _watched(param, nets, "lower_is_better", name)
    result: list[Watcher] = []
    if param.snapshot_best:
        result.append(SnapshotBest(_watched(param, nets, "snapshot_best", param.snapshot_best)))
    if param.early_stop:
        watched = _watched(param, nets, "early_stop", param.early_stop)
        result.append(EarlyStop(watched, param.early_stop_patience))
    if param.lr_policy == "plateau":
        name = param.plateau_output
        watched = _watched(param, nets, "plateau_output", name) if name else _loss(nets)
        result.append(Plateau(watched, param.plateau_patience))
    return result


def _watched(param: SolverParameter, nets: Sequence[Net], field: str, name: str) -> Watched:
    """The output of the first net that has it."""
    outputs = [[n for n in net.outputs if net.blobs[n].count] for net in nets]
    for index, names in enumerate(outputs):
        if name in names:
            is_loss = nets[index].loss_weights.get(name, 0.0) > 0
            return Watched(index, name, is_loss or name in param.lower_is_better)
    if not nets:
        raise SolverConfigError(f"{field} is {name!r}, {_NO_TESTS}")
    known = [name for names in outputs for name in names]
    raise SolverConfigError(
        f"{field} is {name!r}, expected an output of a test net: {did_you_mean(name, known)}"
    )


def _loss(nets: Sequence[Net]) -> Watched:
    """The loss of the first net that has one."""
    for index, net in enumerate(nets):
        if net.loss_weights:
            return Watched(index, "", True)
    if not nets:
        raise SolverConfigError(f"lr_policy is 'plateau', which watches a loss, {_NO_TESTS}")
    raise SolverConfigError(
        "lr_policy is 'plateau', and no test net has a loss; expected plateau_output: "
        + did_you_mean("", [name for net in nets for name in net.outputs])
    )


_NO_TESTS = "expected test nets to take it from, of which there are none: give test_iter"
