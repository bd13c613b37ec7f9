"""Together: what makes the solvers of several processes train one net.

Each takes its own batches: records are dealt out in turn, so that ``size`` batches make one of
``size`` times as many. They start from rank 0's parameters; at each iteration the gradients are
added up and divided by ``size``, and each process makes the same update. Rank 0 alone reads and
writes snapshots, tests and shows; the others do what it does until it ends.

After: src/caffe/parallel.cpp (NCCL). Differences: HDF5Data, ImageData and WindowData deal out
records as Data does; ``layer_wise_reduce`` sends several layers' gradients at once, and a shared
parameter's when its last user has added to it, where the original refuses them; what is random
in an iteration depends on the seed, the rank and the iteration alone, so that a resumed run goes
on as the interrupted one; Python layers may take part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minicaffe.callbacks import Callback
from minicaffe.data.prefetch import cores
from minicaffe.parallel.communicator import Communicator
from minicaffe.parallel.overlap import Overlap
from minicaffe.proto.minicaffe_pb2 import SolverParameter

if TYPE_CHECKING:
    from minicaffe.solver import Solver

FOREVER = 1 << 62  # iterations: rank 0 says when it is over
# What rank 0 alone does.
ITS_OWN = (
    *("test_iter", "test_interval", "test_net", "test_net_param", "test_state"),
    *("display", "debug_info", "snapshot", "snapshot_best", "early_stop", "lower_is_better"),
    *("plateau_output", "weights"),
)
_LOOK = "look"  # in place of an iteration
_UPDATE = 0  # in place of 1 + rank: what is random in the update is so for all ranks alike


class Finished(Exception):  # noqa: N818  # no error
    """Rank 0 makes no more iterations."""


class Together(Callback):
    """Ties a solver to those of the other processes."""

    def __init__(self, communicator: Communicator, solver: Solver) -> None:
        self._communicator = communicator
        self._key = int(solver.device.rng.integers(2**63))  # rank 0's counts
        self._looks = self._is_between = False  # between: the others wait for an iteration
        learned = [param.blob for param in solver.net.params if param.lr_mult]
        early = solver.param.layer_wise_reduce
        self._gradients = Overlap(communicator, solver.net, learned, early=early)
        for step in solver.net.steps:
            shard = getattr(step.layer, "shard", None)
            if shard is not None:
                shard(communicator.rank, communicator.size)
                loader = step.layer.param.loader_param
                loader.threads = loader.threads or max(1, cores() // communicator.size)

    def begin(self, solver: Solver) -> None:
        """Take over where rank 0 is: parameters, what the rule remembers, place in the data."""
        tie = self._communicator
        positions = {step.name: step.layer.position() for step in solver.net.steps}
        start = (solver.iteration, solver.current_step, self._key, positions)
        solver.iteration, solver.current_step, self._key, positions = tie.share(start)
        if tie.rank:
            for step in solver.net.steps:
                if positions[step.name]:
                    step.layer.set_position(positions[step.name])
        tie.broadcast([param.blob.data for param in solver.net.params])
        if solver.iteration:
            tie.broadcast([array for slot in solver.slots for array in slot.history])
        self._is_between = True

    def end(self) -> None:
        """On rank 0: let the others end too, if all is well with them."""
        self._let_look()
        self._communicator.share(None)

    def on_start(self, solver: Solver) -> None:
        """Go on where rank 0 does, with the chances of this iteration.

        Raises:
            Finished: it does not.
        """
        self._communicator.check()
        mine = solver.current_step, solver.is_display_due()
        while (told := self._communicator.share(mine)) == _LOOK:
            solver.device.host.look()
            self._communicator.barrier()
        if told is None:
            raise Finished
        self._is_between = False
        solver.current_step, self._looks = told
        self._draw_from(solver, 1 + self._communicator.rank)
        self._gradients.start(solver.param.iter_size)

    def on_gradients_ready(self, solver: Solver) -> None:
        """Average what the ranks have found."""
        self._gradients.send_rest()
        self._communicator.finish()
        self._is_between = True
        if solver.param.gradient_noise:
            self._draw_from(solver, _UPDATE)

    def on_step(self, solver: Solver) -> None:
        """Refuse what the device has found in this rank's data, where rank 0 looks at its own."""
        if self._looks:
            solver.device.host.look()

    def on_test_batch(self, solver: Solver, net: int, batch: int, batches: int) -> None:
        """Do not go on with a test where another rank has failed."""
        self._communicator.check()

    def state(self) -> dict[str, Any]:
        """The key of all that is random; a snapshot or a test asks for it before it begins.

        Raises:
            WorkerError: another rank has failed, or has found something wrong in its data: what
                there is must not be written.
        """
        self._communicator.settle()
        self._let_look()
        return {"key": self._key}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with the key of the interrupted run."""
        self._key = int(state["key"])

    def _let_look(self) -> None:
        """On rank 0: wait until the others have looked at what their devices have found."""
        if self._is_between and not self._communicator.rank:
            self._communicator.share(_LOOK)
            self._communicator.barrier()

    def _draw_from(self, solver: Solver, stream: int) -> None:
        fresh = np.random.default_rng([self._key, solver.iteration, stream])
        solver.device.rng.bit_generator.state = fresh.bit_generator.state


def follower(param: SolverParameter) -> SolverParameter:
    """What the other ranks build, where rank 0 builds ``param``; see ``follow``."""
    result = SolverParameter()
    result.CopyFrom(param)
    for name in ITS_OWN:
        result.ClearField(name)
    result.snapshot_after_train = False
    if result.lr_policy == "plateau":  # it wants a test to watch; rank 0 tells when to step down
        result.lr_policy = "fixed"
    return result


def follow(solver: Solver, param: SolverParameter) -> None:
    """Let ``solver``, built from ``follower(param)``, have the rate that rank 0 has."""
    solver.param.lr_policy = param.lr_policy
