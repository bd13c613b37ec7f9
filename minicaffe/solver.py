"""Solver: the training loop, its tests, its snapshots.

After: src/caffe/solver.cpp and src/caffe/solvers/sgd_solver.cpp.
"""

from __future__ import annotations

import enum
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from minicaffe import debug, log, snapshot
from minicaffe.definitions import check_solver, test_nets, train_net
from minicaffe.device import Array, Device, cpu
from minicaffe.net import Net
from minicaffe.ops import update as ops
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.proto.text import to_text
from minicaffe.solvers import Hyper, Slot, create_rule, learning_rate, next_step
from minicaffe.weights import load_weights


class Action(enum.Enum):
    """What ``Solver.poll`` may ask for, between two iterations or two batches of a test."""

    NONE = enum.auto()
    STOP = enum.auto()
    SNAPSHOT = enum.auto()


class Callback:
    """What may be done inside the loop; override what is needed."""

    def on_start(self, solver: Solver) -> None:
        """Before the passes of an iteration."""

    def on_gradients_ready(self, solver: Solver) -> None:
        """Between the passes and the update."""

    def on_step(self, solver: Solver) -> None:
        """After the update; ``solver.iteration`` counts it."""

    def on_test(self, solver: Solver, net: int, results: dict[str, float]) -> None:
        """After the test of test net ``net``; ``results`` is what ``Solver.test`` returns."""

    def state(self) -> Any:
        """What a resumed run needs, as JSON can hold it; None: nothing."""
        return None

    def set_state(self, state: Any) -> None:
        """Go on from ``state``, which ``state()`` of the interrupted run gave."""

    def on_test_batch(self, solver: Solver, net: int, batch: int, batches: int) -> None:
        """After batch number ``batch``, from 1, of the ``batches`` of test net ``net``."""


class Solver:
    """A definition being trained.

    Attributes:
        param: the solver's definition.
        device: what it trains on.
        net: the net in training.
        test_nets: the nets that are tested; they use the parameters of ``net``.
        iteration: number of updates done.
        current_step: how often ``lr_policy`` has lowered the rate; as of the last update.
        losses: of the last ``average_loss`` iterations; on the device until they are shown.
        callbacks: called inside the loop.
        before_test: while testing, what a snapshot records instead of the present.
        poll: asked once an iteration, and once a batch of a test, whether to go on.
    """

    def __init__(self, param: SolverParameter, device: Device | None = None) -> None:
        check_solver(param)
        snapshot.check_snapshots(param)
        self.param = param
        device = device or cpu()
        if param.random_seed >= 0:
            device = replace(device, rng=np.random.default_rng(param.random_seed))
        self.device = device
        self.rule = create_rule(param, device.xp)
        self.callbacks: list[Callback] = []
        self.poll: Callable[[], Action] = lambda: Action.NONE
        self.iteration = self.current_step = 0
        self.losses: deque[Array | float] = deque(maxlen=max(1, param.average_loss))
        self._stopped = False
        self._shown: tuple[float, int] | None = None  # time and iteration of the last display
        self.before_test: dict[str, Any] | None = None
        self.test_nets: list[Net] = []
        if log.is_on():
            log.info("solver.cpp:45", f"Initializing solver from parameters: \n{to_text(param)}")
        self.net = Net(*train_net(param), device)
        try:
            for definition, state in test_nets(param):
                self.test_nets.append(Net(definition, state, device))
            for path in param.weights:
                self.copy_weights(path)
            for net in self.test_nets:
                net.share_weights(self.net)
        except BaseException:
            self.close()
            raise
        self.slots = [
            Slot(p.blob, self._history(p.blob.shape), p.lr_mult, p.decay_mult)
            for p in self.net.params
        ]
        log.info("solver.cpp:57", "Solver scaffolding done.")

    @property
    def lr(self) -> float:
        """The learning rate of the next update."""
        step = next_step(self.param, self.iteration, self.current_step)
        return learning_rate(self.param, self.iteration, step)

    @property
    def loss(self) -> float:
        """The mean loss of the last ``average_loss`` iterations; NaN before the first."""
        return float(sum(self.losses) / len(self.losses)) if self.losses else float("nan")

    def copy_weights(self, path: str | Path) -> None:
        """Start from the parameters in ``path``, where its layers have the names of the net's."""
        log.info("caffe.cpp:128", f"Finetuning from {path}")
        load_weights(self.net, path)

    def solve(self, resume: str | Path | None = None) -> None:
        """Train up to ``max_iter``, from the state in ``resume`` where given."""
        log.info("solver.cpp:289", f"Solving {self.net.name}")
        log.info("solver.cpp:290", f"Learning Rate Policy: {self.param.lr_policy}")
        if resume:
            self.restore(resume)
        self.step(self.param.max_iter - self.iteration)
        written = self.param.snapshot and self.iteration % self.param.snapshot == 0
        if self.param.snapshot_after_train and not written:
            self.snapshot()
        if self._stopped:
            log.info("solver.cpp:313", "Optimization stopped early.")
            return
        if self.param.display and self.iteration % self.param.display == 0:
            self.losses.append(self.net.forward())
            loss = log.number(self.loss)
            log.info("solver.cpp:327", f"Iteration {self.iteration}, loss = {loss}")
        if self._is_test_due():
            self.test_all()
        log.info("solver.cpp:332", "Optimization Done.")

    def step(self, iterations: int) -> None:
        """Do ``iterations`` more; tests, displays and snapshots fall due on the way."""
        stop, self._stopped = self.iteration + iterations, False
        self._shown = time.perf_counter(), self.iteration
        while self.iteration < stop:
            self.before_test = None
            self.net.clear_param_diffs()
            if self._is_test_due() and (self.iteration or self.param.test_initialization):
                self.test_all()
                if self._stopped:
                    return
            self._iterate()
            action = self.poll()
            due = self.param.snapshot and self.iteration % self.param.snapshot == 0
            if due or action is Action.SNAPSHOT:
                self.snapshot()
            if action is Action.STOP:
                self._stopped = True
                return

    def _iterate(self) -> None:
        for callback in self.callbacks:
            callback.on_start(self)
        displayed = bool(self.param.display) and self.iteration % self.param.display == 0
        self.net.debug_info = displayed and self.param.debug_info
        total: Array | float = 0.0
        for _ in range(self.param.iter_size):
            loss = self.net.forward()
            if self.device.index is None and loss != loss:
                debug.refuse_nan(self.net.steps)
            total += loss
            self.net.backward()
        self.losses.append(total / self.param.iter_size)
        if displayed:
            self._display()
        for callback in self.callbacks:
            callback.on_gradients_ready(self)
        self.apply_update(displayed=displayed)
        self.iteration += 1
        for callback in self.callbacks:
            callback.on_step(self)

    def apply_update(self, *, displayed: bool = False) -> None:
        """Change the parameters by their gradients: clip, average, regularize, update."""
        rate = self.lr
        self.current_step = next_step(self.param, self.iteration, self.current_step)
        if displayed:
            lr = log.number(rate)
            log.info("sgd_solver.cpp:112", f"Iteration {self.iteration}, lr = {lr}")
        hyper = Hyper(rate, self.iteration, self._clip() / self.param.iter_size)
        for slot in self.slots:
            self.rule.step(slot, hyper)

    def _clip(self) -> float:
        """The factor that ``clip_gradients`` asks for, of all gradients together.

        As in the original the norm is of what ``iter_size`` passes have added up.
        """
        limit = self.param.clip_gradients
        if limit < 0:
            return 1.0
        squares = sum(ops.sum_of_squares(self.device.xp, slot.blob.diff) for slot in self.slots)
        norm = float(squares) ** 0.5
        if norm <= limit:
            return 1.0
        factor = float(limit / norm)
        log.info(
            "sgd_solver.cpp:93",
            f"Gradient clipping: scaling down gradients (L2 norm {log.number(norm)} > "
            f"{log.number(limit)}) by scale factor {log.number(factor)}",
        )
        return factor

    def _display(self) -> None:
        if self.loss != self.loss:
            debug.refuse_nan(self.net.steps)
        now = time.perf_counter()
        since, from_iteration = self._shown or (now, self.iteration)
        done, seconds = self.iteration - from_iteration, now - since
        rate = log.number(done / seconds if done and seconds else 0.0)
        log.info(
            "solver.cpp:239",
            f"Iteration {self.iteration} ({rate} iter/s, {log.number(seconds if done else 0.0)}s/"
            f"{self.param.display} iters), loss = {log.number(self.loss)}",
        )
        for index, (name, value, weight) in enumerate(self.net.output_values()):
            log.info(
                "solver.cpp:258",
                f"    Train net output #{index}: {log.output(name, value, weight)}",
            )
        self._shown = now, self.iteration

    def _is_test_due(self) -> bool:
        interval = self.param.test_interval
        return bool(self.test_nets and interval) and self.iteration % interval == 0

    def test_all(self) -> list[dict[str, float]]:
        """Run every test net; stops early where ``poll`` asks for it."""
        results = []
        self.before_test = snapshot.run_state(self)
        for index in range(len(self.test_nets)):
            results.append(self.test(index))
            if self._stopped:
                return results  # a resumed run does the whole test again
        self.before_test = None
        return results

    def test(self, index: int = 0) -> dict[str, float]:
        """Run test net ``index`` over its ``test_iter`` batches.

        Returns:
            The mean of each output over the batches; of a vector, of its first element. Empty
            where the test was interrupted.
        """
        log.info("solver.cpp:347", f"Iteration {self.iteration}, Testing net (#{index})")
        net, batches = self.test_nets[index], self.param.test_iter[index]
        net.share_weights(self.net)
        net.debug_info = self.param.debug_info
        sums: list[float] = []
        loss = 0.0
        for batch in range(1, batches + 1):
            action = self.poll()
            if action is Action.SNAPSHOT:
                self.snapshot()
            elif action is Action.STOP:
                self._stopped = True
                log.info("solver.cpp:377", "Test interrupted.")
                return {}
            loss += float(net.forward())
            values = list(net.output_values())
            sums = [a + v for a, (_, v, _) in zip(sums or [0.0] * len(values), values, strict=True)]
            for callback in self.callbacks:
                callback.on_test_batch(self, index, batch, batches)
        if self.param.test_compute_loss:
            log.info("solver.cpp:397", f"Test loss: {log.number(loss / batches)}")
        means: dict[str, float] = {}
        for number, ((name, _, weight), total) in enumerate(zip(values, sums, strict=True)):
            mean = total / batches
            means.setdefault(name, mean)
            log.info(
                "solver.cpp:414", f"    Test net output #{number}: {log.output(name, mean, weight)}"
            )
        for callback in self.callbacks:
            callback.on_test(self, index, means)
        return means

    def snapshot(self) -> str:
        """Write the parameters and the state; returns the path of the state."""
        return snapshot.save(self)

    def restore(self, path: str | Path) -> None:
        """Continue from the state in ``path`` and the parameters that it names.

        Raises:
            PrototxtError: no such file, or not a ``.solverstate``.
            WeightsError: it is of another kind of solver, or of another net.
        """
        snapshot.restore(self, path)

    def close(self) -> None:
        """Stop the threads and release the files of all nets."""
        for net in (self.net, *self.test_nets):
            net.close()

    def _history(self, shape: tuple[int, ...]) -> list[object]:
        zeros = self.device.zeros
        return [zeros(shape, self.net.dtype) for _ in range(self.rule.num_history)]
