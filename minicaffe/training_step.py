"""What an iteration does on the device: passes, and an update; on a GPU recorded, and done again.

On a GPU a pass, forward and backward, and the update are each recorded after ``WARM_UP`` runs.
Data is made by the host, so that layers without bottoms run before the recorded part of a pass,
and their batch is copied to where that reads it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from minicaffe import debug, glog, gradients
from minicaffe.backward import Step
from minicaffe.blob import Blob
from minicaffe.cuda_graph import NotRecordedError, Recorded
from minicaffe.device import Array
from minicaffe.gathered import Gathered
from minicaffe.net import Net
from minicaffe.solvers import Hyper, Slot, UpdateRule

if TYPE_CHECKING:
    from minicaffe.solver import Solver

WARM_UP = 2  # runs before one is recorded: what is made at first sight is there by then
PATIENCE = 3  # recordings that may become useless, since shapes or arrays have changed
SWITCH = "MINICAFFE_CUDA_GRAPH"  # 0 in the environment: record nothing
_WHERE = "training_step.py:1"


class TrainingStep:
    """The passes and the updates of a solver, done as they are written."""

    def __init__(self, solver: Solver) -> None:
        self._solver: Solver = weakref.proxy(solver)  # which holds this

    def clear(self) -> None:
        """Before the passes of an iteration: they add to the gradients of parameters."""
        self._solver.net.clear_param_diffs()

    def rehearse(self, hyper: Hyper) -> None:
        """Run what updates run, to have it compiled."""
        self.update(hyper)

    def run_pass(self) -> Array | float:
        """Forward and backward once.

        Returns:
            The loss, a scalar on the device.

        Raises:
            NotANumberError: on the CPU, where it is NaN; names the layer.
        """
        net = self._solver.net
        loss = net.forward()
        if net.device.xp is np and loss != loss:
            debug.refuse_nan(net.steps)
        net.backward()
        return loss

    def update(self, hyper: Hyper) -> None:
        """Clip, average, regularize, update; ``hyper`` has no scale yet."""
        solver = self._solver
        slots = solver.slots if solver.param.gradient_noise else self._slots()
        scale = gradients.prepare(solver.param, solver.device, slots, hyper.iteration)
        hyper = replace(hyper, scale=scale)
        for slot in self._slots():
            if not self._is_idle(slot):
                solver.rule.step(slot, hyper)

    def _slots(self) -> list[Slot]:
        return self._solver.slots

    def _is_idle(self, slot: Slot) -> bool:
        return False


class RecordedStep(TrainingStep):
    """The same on a GPU, recorded; what cannot be is done as it is written, and the log says why.

    Labels that are no classes are found, and refused when the host next looks.
    """

    def __init__(self, solver: Solver) -> None:
        super().__init__(solver)
        self._pass = _Work("passes", _obstacle_to_passes(solver.net))
        self._update = _Work("updates", _obstacle_to_updates(solver))
        self._inputs = _Inputs(solver.net)
        self._gathered = Gathered(solver)
        self._now: list[Hyper] = []
        self._rates: dict[tuple[float, float], Sequence[Array | float]] = {}

    def clear(self) -> None:
        """As it is for any step."""
        self._gathered.clear()

    def run_pass(self) -> Array | float:
        """As it is for any step; the next pass may write over the loss."""
        net = self._solver.net
        with net.device.host.deferring():
            watched = self._pass.obstacle or _watched(net)
            if watched:
                self._pass.say(watched)
                return super().run_pass()
            self._inputs.fill()
            return self._pass.run(net.device, self._run_body, partial(_arrays, net))

    def update(self, hyper: Hyper) -> None:
        """As it is for any step."""
        solver = self._solver
        if self._update.obstacle:
            self._update.say(self._update.obstacle)
            super().update(hyper)
            return
        self._now[:] = [hyper]
        self._update.run(solver.device, self._update_body, partial(_basis_of_updates, solver))

    def _update_body(self) -> None:
        self._rates = {}  # those of a recording that failed were never written
        super().update(replace(self._now[0], lend=self._lend))

    def _slots(self) -> list[Slot]:
        return self._gathered.slots(self._solver)

    def _is_idle(self, slot: Slot) -> bool:
        """A step would change nothing: for BatchNorm's statistics, say."""
        return not (slot.lr_mult or any(self._solver.rule.decay(slot)))

    def _run_body(self) -> Array | float:
        total: Array | float = 0.0
        net = self._solver.net
        for stage in net.stages:
            if not self._inputs.ids.isdisjoint(map(id, stage.steps)):
                continue
            stage.forward()
            for step in stage.steps if stage.is_loss else ():
                if step.is_loss:
                    total = total + step.layer.loss(step.top)
        net.backward()
        return total

    def _lend(self, rule: UpdateRule, slot: Slot) -> Sequence[Array | float]:
        """The rates of ``slot`` on the device, once for all slots that have the same."""
        key = slot.lr_mult, slot.decay_mult
        if key not in self._rates:
            number = self._solver.device.host.number
            makes = [
                partial(_rate, rule, slot, self._now, index)
                for index, _ in enumerate(rule.rates(slot, self._now[0]))
            ]
            self._rates[key] = [number(make, np.float64) for make in makes]
        return self._rates[key]


def _rate(rule: UpdateRule, slot: Slot, now: Sequence[Hyper], index: int) -> float:
    return rule.rates(slot, now[0])[index]


class _Work:
    """Passes or updates: as written at first, then recorded, and anew where its arrays change.

    Attributes:
        obstacle: why it is not to be recorded; "" where it is.
    """

    def __init__(self, name: str, obstacle: str) -> None:
        self._name = name
        self.obstacle = obstacle
        self._said: set[str] = set()
        self._runs = self._recordings = 0
        self._recorded: Recorded[Any] | None = None
        self._basis: list[Any] = []

    def run(self, device: Any, work: Callable[[], Any], basis: Callable[[], list[Any]]) -> Any:
        """What ``work`` returns, done or done again; ``basis`` is what a recording holds on to."""
        if self._recorded is not None and not _same(self._basis, basis()):
            self._recorded, self._runs = None, 0
            if self._recordings == PATIENCE:
                self.obstacle = "shapes or arrays have changed too often"
                self.say(self.obstacle)
        if self._recorded is None:
            self._runs += 1
            if self._runs <= WARM_UP or self.obstacle:
                return work()
            self._record(device, work, basis)
            if self._recorded is None:
                return work()
        return self._recorded.run()

    def say(self, why: str) -> None:
        """Log once that it is done as written."""
        if why not in self._said:
            self._said.add(why)
            glog.info(_WHERE, f"CUDA graph: {self._name} are not recorded: {why}")

    def _record(self, device: Any, work: Callable[[], Any], basis: Callable[[], list[Any]]) -> None:
        before = basis()
        try:
            recorded = Recorded(device, work)
        except NotRecordedError as error:
            self.obstacle = str(error)
            self.say(self.obstacle)
            return
        self._recorded, self._basis = recorded, before
        self._recordings += 1
        glog.info(_WHERE, f"CUDA graph: {self._name} are recorded")


class _Inputs:
    """What layers without bottoms make, at places that stay the same.

    Attributes:
        steps: those layers, but for those that have parameters.
        ids: of ``steps``.
    """

    def __init__(self, net: Net) -> None:
        self.steps = [step for step in net.steps if _makes_data(step)]
        self.ids = set(map(id, self.steps))
        self._places: dict[Blob, Array] = {}

    def fill(self) -> None:
        """Run the layers."""
        for step in self.steps:
            step.layer.run_forward(step.bottom, step.top)
            for blob in step.top:
                self._put(blob)

    def _put(self, blob: Blob) -> None:
        memory, place = blob.memories[0], self._places.get(blob)
        if memory.array is None or (place is not None and memory.array is place):
            return
        if place is None or place.size < blob.count:
            place = self._places[blob] = blob.device.xp.empty(blob.count, blob.dtype)
        place[: blob.count] = blob.data.reshape(-1)
        memory.array = place


def make(solver: Solver) -> TrainingStep:
    """How ``solver`` does its iterations, by where it does them."""
    return TrainingStep(solver) if solver.device.xp is np else RecordedStep(solver)


def _makes_data(step: Step) -> bool:
    return not step.bottom and not step.layer.blobs


def _obstacle_to_passes(net: Net) -> str:
    if os.environ.get(SWITCH) == "0":
        return f"{SWITCH} is 0"
    for index, step in enumerate(net.steps):
        what = f"layer {step.name!r} ({step.layer.type})"
        if step.layer.runs_user_code:
            return f"{what} runs code that may do anything"
        if step.layer.waits:
            return f"{what} brings to the host what it needs to go on"
        late = _makes_data(step) and not all(map(_makes_data, net.steps[:index]))
        if late and not (step.layer.reads_data or step.layer.is_input):
            return f"{what} makes data after others have run, expected it first"
    return ""


def _obstacle_to_updates(solver: Solver) -> str:
    if os.environ.get(SWITCH) == "0":
        return f"{SWITCH} is 0"
    if solver.param.gradient_noise:
        return "gradient_noise is drawn on the host"
    if type(solver.rule).step is UpdateRule.step:
        return f"solver type {solver.rule.type!r} has a step of its own"
    return ""


def _watched(net: Net) -> str:
    if net.debug_info:
        return "debug_info is on"
    if not vars(net).keys().isdisjoint(("forward", "backward")):
        return "forward or backward of the net has been replaced"
    hooks = net.hooks
    lists = hooks.before_forward, hooks.after_forward, hooks.before_backward, hooks.after_backward
    return "hooks are called between the layers" if any(lists) else ""


def _arrays(net: Net) -> list[Any]:
    """What a recorded pass holds on to: shapes, blobs' arrays, and what layers have made room."""
    basis: list[Any] = []
    for step in net.steps:
        basis.append(step.layer.fit_of)
        for blob in (*step.bottom, *step.top, *step.layer.blobs):
            data, diff = blob.memories
            basis += (blob.shape, data.array, diff.array)
    return basis


def _basis_of_updates(solver: Solver) -> list[Any]:
    basis: list[Any] = [solver.settings]
    for slot in solver.slots:
        data, diff = slot.blob.memories
        basis += (data.array, diff.array, slot.lr_mult, slot.decay_mult, *slot.history)
    return basis


def _same(one: list[Any], other: list[Any]) -> bool:
    """They hold the same objects; what was not there when ``one`` was recorded is no part of it."""
    if len(one) != len(other):
        return False
    return all(a is None or a is b for a, b in zip(one, other, strict=True))
