"""Solver: the training loop, its tests, its snapshots.

After: src/caffe/solver.cpp and src/caffe/solvers/sgd_solver.cpp.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, MutableSequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from minicaffe import debug, glog, report, scaffold, snapshot, training_step
from minicaffe.average_precision import check_eval, make_score
from minicaffe.callbacks import Action, Callback
from minicaffe.definitions import check_resumed, check_solver
from minicaffe.device import Array, Device, cpu
from minicaffe.early_update import EarlyStep
from minicaffe.errors import SolverConfigError
from minicaffe.ops import compiling
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.proto.text import to_text
from minicaffe.score import Score
from minicaffe.solvers import Hyper, Slot, create_rule, learning_rate, next_step
from minicaffe.weights import Copied

__all__ = ["Action", "Callback", "Solver"]

_MOST_TO_REHEARSE = 1 << 29  # bytes of blobs: a second process would need as much again

_OF_SNAPSHOTS = ("snapshot", "snapshot_prefix", "snapshot_format", "snapshot_after_train")


class Solver:
    """A definition being trained.

    Attributes:
        param: the solver's definition.
        device: what it trains on.
        net: the net in training.
        test_nets: the nets that are tested; they use the parameters of ``net``.
        copied: file to what ``net`` got from it.
        iteration: number of updates done.
        current_step: how often ``lr_policy`` has lowered the rate; as of the last update.
        losses: of the last ``average_loss`` iterations; on the device until they are shown.
        callbacks: called inside the loop.
        before_test: while testing, what a snapshot records instead of the present.
        poll: asked once an iteration, and once a batch of a test, whether to go on.
        settings: the fields of ``param`` that have been taken up.
    """

    def __init__(self, param: SolverParameter, device: Device | None = None) -> None:
        check_solver(param)
        snapshot.check_snapshots(param)
        check_eval(param)
        self.param = param
        device = device or cpu()
        if param.random_seed >= 0:
            device = replace(device, rng=np.random.default_rng(param.random_seed))
        self.device = device
        self.rule = create_rule(param, device.xp)
        self.poll: Callable[[], Action] = lambda: Action.NONE
        self.iteration = self.current_step = 0
        self.losses: deque[Array | float] = deque(maxlen=max(1, param.average_loss))
        self.before_test: dict[str, Any] | None = None
        self._display = report.Display(param.display)
        self.settings = _settings(param)
        self._stopped = self._resumed = False
        if glog.is_on():
            glog.info("solver.cpp:45", f"Initializing solver from parameters: \n{to_text(param)}")
        self._scaffold = scaffold.build(param, device)
        self.net, self.test_nets = self._scaffold.net, self._scaffold.test_nets
        self.copied = self._scaffold.copied
        self.callbacks: list[Callback] = [*self._scaffold.watchers]
        try:
            snapshot.check_room(param, self.net, self.rule)
            self.slots = [
                Slot(p.blob, self._history(p.blob.shape), p.lr_mult, p.decay_mult)
                for p in self.net.params
            ]
        except BaseException:
            self.close()
            raise
        self._step = training_step.make(self)
        glog.info("solver.cpp:57", "Solver scaffolding done.")

    @property
    def lr(self) -> float:
        """The learning rate of the next update."""
        step = next_step(self.param, self.iteration, self.current_step)
        return learning_rate(self.param, self.iteration, step)

    @property
    def loss(self) -> float:
        """The mean loss of the last ``average_loss`` iterations; NaN before the first."""
        return float(sum(self.losses) / len(self.losses)) if self.losses else float("nan")

    def reconfigure(self) -> None:
        """Take up what has been changed in ``param`` since it was last looked at.

        Raises:
            SolverConfigError: a value is refused, or another one than can be changed by now.
        """
        settings = _settings(self.param)
        if settings == self.settings:
            return
        check_solver(self.param)
        if self.param.type != self.rule.type:
            raise SolverConfigError(
                f"type is {self.param.type!r}, expected {self.rule.type!r} as from the start: what "
                "a rule remembers of the gradients is of no use to another; make a new solver"
            )
        if len(self.param.test_iter) != len(self.test_nets):
            raise SolverConfigError(
                f"test_iter is given {len(self.param.test_iter)} time(s), expected "
                f"{len(self.test_nets)}: one for each test net that was built"
            )
        self.rule.check()
        if any(settings.get(name) != self.settings.get(name) for name in _OF_SNAPSHOTS):
            snapshot.check_snapshots(self.param)
        self._display.interval = self.param.display
        self.losses = deque(self.losses, maxlen=self.param.average_loss)
        self.settings = settings

    def update_early(self) -> None:
        """Update each parameter in the midst of backward from now on, so that less memory is used.

        For commands: gradients and what is between the layers can no longer be read.

        Raises:
            SolverConfigError: something needs them; see ``early_update.obstacle``.
        """
        self._step = EarlyStep(self)

    def copy_weights(self, path: str | Path) -> Copied:
        """Start from the parameters in ``path``, where its layers have the names of a net's.

        Returns:
            What ``net`` got.
        """
        return self._scaffold.start_from(path)

    def solve(self, resume: str | Path | None = None) -> None:
        """Train up to ``max_iter``, from the state in ``resume`` where given."""
        glog.info("solver.cpp:289", f"Solving {self.net.name}")
        glog.info("solver.cpp:290", f"Learning Rate Policy: {self.param.lr_policy}")
        if resume:
            self.restore(resume)
        self.step(self.param.max_iter - self.iteration)
        if self.param.snapshot_after_train and not self._is_snapshot_due():
            self.snapshot()
        if self._stopped:
            glog.info("solver.cpp:313", "Optimization stopped early.")
            return
        before = snapshot.run_state(self)  # what is displayed now takes a batch of its own
        if self.is_display_due():
            self.losses.append(self.net.forward())
            loss = glog.number(self.loss)
            glog.info("solver.cpp:327", f"Iteration {self.iteration}, loss = {loss}")
        if self._is_test_due():
            self._test_all(before)
        glog.info("solver.cpp:332", "Optimization Done.")

    def step(self, iterations: int) -> None:
        """Do ``iterations`` more; tests, displays and snapshots fall due on the way.

        The losses to average start anew, as in the original, except in the first call after a
        ``restore``: the interrupted run would have gone on.
        """
        if not self._resumed:
            self.losses.clear()
        stop, self._stopped, self._resumed = self.iteration + iterations, False, False
        self._display.restart(self.iteration)
        with compiling.ahead(self._rehearse):
            self._iterate_until(stop)
        self.device.host.look()

    def _iterate_until(self, stop: int) -> None:
        while self.iteration < stop:
            self.before_test = None
            self._step.clear()
            if self._is_test_due() and (self.iteration or self.param.test_initialization):
                self.test_all()
                if self._stopped:
                    return
            self._iterate()
            action = self.poll()
            if self._is_snapshot_due() or action is Action.SNAPSHOT:
                self.snapshot()
            if action is Action.STOP:
                self.stop()
            if self._stopped:
                return

    def _rehearse(self) -> None:
        """In a child process: run what a first iteration runs after forward, to compile it."""
        if self.net.memory > _MOST_TO_REHEARSE or self.device.xp is not np:
            return
        for stage in reversed(self.net.stages):  # while forward compiles what convolutions share
            with suppress(Exception):  # what forward has not prepared, it need not find
                stage.rehearse()
        with suppress(Exception):
            self._step.rehearse(Hyper(self.lr, self.iteration))

    def stop(self) -> None:
        """Do as ``Action.STOP`` asks, from inside a callback: this iteration is the last."""
        self._stopped = True

    def _iterate(self) -> None:
        for callback in self.callbacks:
            callback.on_start(self)
        displayed = self.is_display_due()
        self.net.debug_info = displayed and self.param.debug_info
        total = sum(self._step.run_pass() for _ in range(self.param.iter_size))
        self.losses.append(total / self.param.iter_size)
        if displayed:
            self.device.host.look()
            if (loss := self.loss) != loss:
                debug.refuse_nan(self.net.steps)
            self._display.show(self.iteration, loss, self.net)
        for callback in self.callbacks:
            callback.on_gradients_ready(self)
        self.apply_update(displayed=displayed)
        self.iteration += 1
        for callback in self.callbacks:
            callback.on_step(self)

    def apply_update(self, *, displayed: bool = False) -> None:
        """Change the parameters by their gradients: clip, average, regularize, update."""
        rate = self._next_rate()
        if displayed:
            lr = glog.number(rate)
            glog.info("sgd_solver.cpp:112", f"Iteration {self.iteration}, lr = {lr}")
        self._step.update(Hyper(rate, self.iteration))

    def _next_rate(self) -> float:
        """The rate of this update, with the step that ``lr_policy`` takes now."""
        rate, before = self.lr, self.current_step
        self.current_step = next_step(self.param, self.iteration, before)
        if self.param.lr_policy == "multistep" and self.current_step != before:
            glog.info(
                "sgd_solver.cpp:50",
                f"MultiStep Status: Iteration {self.iteration}, step = {self.current_step}",
            )
        return rate

    def is_display_due(self) -> bool:
        """This iteration is one that shows."""
        return self._display.is_due(self.iteration)

    def _is_test_due(self) -> bool:
        interval = self.param.test_interval
        return bool(self.test_nets and interval) and self.iteration % interval == 0

    def _is_snapshot_due(self) -> bool:
        return bool(self.param.snapshot) and self.iteration % self.param.snapshot == 0

    def test_all(self) -> list[dict[str, float]]:
        """Run every test net; stops early where ``poll`` asks for it."""
        return self._test_all(snapshot.run_state(self))

    def _test_all(self, before: dict[str, Any]) -> list[dict[str, float]]:
        """Where it stops, ``before_test`` stays: a resumed run does the whole test again."""
        self.device.host.look()
        scores: list[Score] = []
        results: list[dict[str, float]] = []
        self._stopped = False
        self.before_test = before
        for index in range(len(self.test_nets)):
            score = self._test(index)
            if score is None:
                return [*results, {}]
            scores.append(score)
            results.append(score.first())
        for callback in self.callbacks:
            callback.on_tested(self, scores)
        if not self._stopped:
            self.before_test = None
        return results

    def test(self, index: int = 0) -> dict[str, float]:
        """Run test net ``index`` over its ``test_iter`` batches.

        Returns:
            The mean of each output over the batches; of a vector, of its first element. Empty
            where the test was interrupted.
        """
        score = self._test(index)
        return score.first() if score else {}

    def _test(self, index: int) -> Score | None:
        glog.info("solver.cpp:347", f"Iteration {self.iteration}, Testing net (#{index})")
        net, batches = self.test_nets[index], self.param.test_iter[index]
        net.share_weights(self.net)
        net.debug_info = self.param.debug_info
        score = make_score(self.param, net)
        for batch in range(1, batches + 1):
            action = self.poll()
            if action is Action.SNAPSHOT:
                self.snapshot()
            elif action is Action.STOP:
                self.stop()
                glog.info("solver.cpp:377", "Test interrupted.")
                return None
            score.run_batch()
            for callback in self.callbacks:
                callback.on_test_batch(self, index, batch, batches)
        report.test_result(score, with_loss=self.param.test_compute_loss)
        for callback in self.callbacks:
            callback.on_test(self, index, score.first())
        return score

    def snapshot(self) -> str:
        """Write the parameters and the state; returns the path of the state."""
        self.device.host.look()
        return snapshot.save(self)

    def restore(self, path: str | Path) -> None:
        """Continue from the state in ``path`` and the parameters that it names.

        Raises:
            PrototxtError: no such file, or not a ``.solverstate``.
            WeightsError: it is of another kind of solver, or of another net.
        """
        snapshot.restore(self, path)
        self._resumed = True
        check_resumed(self.param, self.iteration, self.current_step)

    def close(self) -> None:
        """Stop the threads and release the files of all nets."""
        self._scaffold.close()

    def _history(self, shape: tuple[int, ...]) -> list[object]:
        zeros = self.device.zeros
        return [zeros(shape, self.net.dtype) for _ in range(self.rule.num_history)]


def _settings(param: SolverParameter) -> dict[str, Any]:
    """The fields of ``param`` that are numbers, words or lists of such."""
    return {
        field.name: list(value) if isinstance(value, MutableSequence) else value
        for field, value in param.ListFields()
        if field.message_type is None
    }
