"""EarlyStep: parameters are updated in the midst of backward, so that gradients share memory.

A parameter is updated as soon as backward has left the layers that use it. From then on nobody
needs its gradient, whose place goes to others. The largest matrices are updated some rows at a
time: their gradients never exist as a whole. The numbers are those of an update at the end.

For commands: elsewhere a user may read every gradient after backward.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from minicaffe import debug
from minicaffe.backward import Step
from minicaffe.blob import Blob
from minicaffe.buffers import DIFF, Span, share_all
from minicaffe.callbacks import Callback
from minicaffe.device import Array
from minicaffe.errors import SolverConfigError
from minicaffe.layers.inner_product import InnerProduct
from minicaffe.solvers import Hyper, Slot, UpdateRule
from minicaffe.training_step import TrainingStep

if TYPE_CHECKING:
    from minicaffe.solver import Solver

LARGE = 1 << 25  # bytes of a matrix that is updated in parts
ROWS = 256  # of a part: the product for much fewer is cut, and rounded, otherwise


class EarlyStep(TrainingStep):
    """The passes of a solver on the CPU, with the updates in them; from now on memory is shared.

    Raises:
        SolverConfigError: ``obstacle`` finds one, now or at a later pass.
    """

    def __init__(self, solver: Solver) -> None:
        super().__init__(solver)
        self._check()
        stages = solver.net.stages
        self._begun: list[list[Blob]] = [[] for _ in stages]
        self._done: list[list[_Update]] = [[] for _ in stages]
        spans = []
        for slot in solver.slots:
            first, last = _users(solver, slot)
            update = _Update(slot)
            steps = stages[first].steps
            if first == last and len(steps) == 1 and _may_be_parted(solver.rule, slot, steps[0]):
                update = _UpdateInParts(slot, steps[0])
            spans.append(Span(update.blob, first, last))
            self._begun[last] += update.cleared
            self._done[first].append(update)
        share_all(solver.net, spans)

    def clear(self) -> None:
        """Each gradient is cleared when backward comes to it."""

    def run_pass(self) -> Array | float:
        """Forward, then backward with the updates; returns the loss."""
        self._check()
        solver = self._solver
        net = solver.net
        loss = net.forward()
        if loss != loss:
            debug.refuse_nan(net.steps)
        hyper = Hyper(solver.lr, solver.iteration)
        order = zip(net.stages, self._begun, self._done, strict=True)
        for stage, begun, done in reversed(list(order)):
            for blob in begun:
                blob.diff[...] = 0
            stage.backward()
            for update in done:
                update.run(solver.rule, hyper)
        return loss

    def update(self, hyper: Hyper) -> None:
        """All has been done."""

    def rehearse(self, hyper: Hyper) -> None:
        """Update each parameter by whatever lies there."""
        for update in (update for done in self._done for update in done):
            update.run(self._solver.rule, hyper)

    def _check(self) -> None:
        if found := obstacle(self._solver):
            raise SolverConfigError(
                f"{found}, expected not to where parameters are updated in the midst of backward: "
                "all gradients would be needed at once"
            )


def obstacle(solver: Solver) -> str:
    """What needs all gradients at once, or after the update; "" where nothing does."""
    param, net = solver.param, solver.net
    reads = [each for each in solver.callbacks if _reads_gradients(each)]
    found = {
        "the device is a GPU": solver.device.xp is not np,
        f"iter_size is {param.iter_size}": param.iter_size != 1,
        "clip_gradients is given": param.clip_gradients >= 0,
        "gradient_noise is given": bool(param.gradient_noise),
        "debug_info is on": param.debug_info or net.debug_info,
        "snapshot_diff is on": param.snapshot_diff,
        "a callback waits for the gradients": bool(reads),
        "a hook is called between the layers": any(vars(net.hooks).values()),
        "a layer runs code of a user's": any(step.layer.runs_user_code for step in net.steps),
    }
    return next((what for what, is_so in found.items() if is_so), "")


class _Update:
    """A parameter's update.

    Attributes:
        blob: whose gradient needs memory.
        cleared: the same, if it is to be zero when backward comes to it.
    """

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.blob = slot.blob
        self.cleared = [slot.blob]

    def run(self, rule: UpdateRule, hyper: Hyper) -> None:
        """After the passes back through all that use the parameter."""
        rule.step(self.slot, hyper)


class _UpdateInParts(_Update):
    """That of the weights of an ``InnerProduct``, some rows at a time."""

    def __init__(self, slot: Slot, step: Step) -> None:
        super().__init__(slot)
        self._step, self._layer = step, cast(InnerProduct, step.layer)
        self.blob = Blob(slot.blob.device, (ROWS, slot.blob.shape[1]), slot.blob.dtype)
        self.cleared = []
        step.layer.param_propagate_down[0] = False  # as a whole

    def run(self, rule: UpdateRule, hyper: Hyper) -> None:
        """Compute the gradient of some rows, and update them, until all are done."""
        slot, part, step = self.slot, self.blob, self._step
        for start in range(0, slot.blob.shape[0], ROWS):
            rows = slice(start, start + ROWS)
            part.set_data(slot.blob.data[rows])
            part.diff[...] = 0
            self._layer.add_row_gradients(step.top, step.bottom, rows, part.diff)
            history = [array[rows] for array in slot.history]
            rule.step(Slot(part, history, slot.lr_mult, slot.decay_mult), hyper)


def _users(solver: Solver, slot: Slot) -> tuple[int, int]:
    """The first and the last stage whose layers have the parameter."""
    memory = slot.blob.memories[DIFF]
    found = [
        index
        for index, stage in enumerate(solver.net.stages)
        for step in stage.steps
        for blob in step.layer.blobs
        if blob.memories[DIFF] is memory
    ]
    return found[0], found[-1]


def _may_be_parted(rule: UpdateRule, slot: Slot, step: Step) -> bool:
    layer = step.layer
    return (
        isinstance(layer, InnerProduct)
        and layer.blobs[0] is slot.blob
        and layer.param_propagate_down[0]
        and not layer.transpose
        and rule.elementwise
        and slot.blob.count * slot.blob.dtype.itemsize >= LARGE
    )


def _reads_gradients(callback: Callback) -> bool:
    return type(callback).on_gradients_ready is not Callback.on_gradients_ready
