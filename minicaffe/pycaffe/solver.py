"""Solvers as users of pycaffe know them: ``SGDSolver("solver.prototxt")``, its nets, its steps.

    solver = minicaffe.SGDSolver("solver.prototxt")
    for _ in range(100):
        solver.step(1)
        print(solver.iter, solver.net.blobs["loss"].data)

After: python/caffe/_caffe.cpp. As there a class trains with its own rule, whatever ``type`` the
file gives, and on the device of ``set_mode_cpu`` or ``set_mode_gpu``, whatever its
``solver_mode``. Differences: an error is an exception, after which the solver goes on as if the
call had not been made; ``param`` is the whole definition and may be changed on the way; the log is
shown as ``minicaffe.pycaffe.log`` says.
"""

from __future__ import annotations

import operator
import os
import weakref
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from google.protobuf.message import Message

from minicaffe import glog
from minicaffe import solver as engine
from minicaffe.callbacks import Action, Callback
from minicaffe.layers import Layer
from minicaffe.net import Net as EngineNet
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.proto.text import read_solver
from minicaffe.proto.upgrade import upgrade_solver
from minicaffe.pycaffe import interrupts, mode
from minicaffe.pycaffe.log import log_from_environment
from minicaffe.pycaffe.net import Net
from minicaffe.pycaffe.opening import check_file

__all__ = [
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "NesterovSolver",
    "RMSPropSolver",
    "SGDSolver",
    "Solver",
    "get_solver",
]

StrPath = str | os.PathLike[str]


class Solver:
    """A definition being trained, by the rule that it names: what ``get_solver`` gives.

    Attributes:
        type: the rule; None: what the definition names.
        engine: what does the work.
        net: the net in training.
        test_nets: the nets that are tested; they use the parameters of ``net``.
    """

    type: ClassVar[str | None] = None

    def __init__(self, definition: StrPath | Message) -> None:
        """Read and build ``definition``: a prototxt, or a ``SolverParameter``.

        A relative path in it is seen from the working directory, as in the original.

        Raises:
            MinicaffeError: it cannot be read, or its nets not built.
        """
        log_from_environment()
        self.engine = engine.Solver(self._of_type(_read(definition)), mode.device())
        self.engine.poll = _poll
        self.net = _wrapped(self.engine.net)
        self.test_nets = [_wrapped(net) for net in self.engine.test_nets]

    @property
    def iter(self) -> int:
        """Number of updates done."""
        return self.engine.iteration

    @property
    def lr(self) -> float:
        """The learning rate of the next update."""
        return self.engine.lr

    @property
    def param(self) -> SolverParameter:
        """The definition: assign to its fields, and they count from the next iteration on.

        So do ``base_lr``, ``lr_policy`` and its fields, ``momentum`` and the other fields of the
        rule, ``weight_decay``, ``regularization_type``, ``clip_gradients``, ``iter_size``,
        ``average_loss``, ``display``, ``max_iter``, the ``test_`` and the ``snapshot`` fields.
        What has been built from it stays: ``type``, the nets, ``random_seed``. A value that is
        refused is so at the next ``step``, ``solve`` or ``apply_update``, before it does anything.
        """
        return self.engine.param

    def step(self, iterations: int) -> None:
        """Do ``iterations`` more; tests, displays and snapshots fall due on the way.

        Ctrl-C ends the iteration first: the solver can go on. A second one ends at once.
        """
        iterations = operator.index(iterations)
        with self._training():
            self.engine.step(iterations)

    def solve(self, snapshot: StrPath | None = None) -> None:
        """Train up to ``max_iter``, from the state in the file ``snapshot`` where given.

        Ctrl-C writes a snapshot, as at the end of training, before it raises.
        """
        with self._training():
            self.engine.solve(None if snapshot is None else os.fspath(snapshot))

    def restore(self, snapshot: StrPath) -> None:
        """Continue from the ``.solverstate`` or ``.solverstate.h5`` and the parameters it names.

        Raises:
            PrototxtError: no such file, or not a state.
            WeightsError: it is of another kind of solver, or of another net.
        """
        with self._synced():
            self.engine.restore(os.fspath(snapshot))

    def snapshot(self) -> str:
        """Write the parameters and the state; returns the path of the state."""
        with self._synced():
            return self.engine.snapshot()

    def apply_update(self) -> None:
        """Change the parameters by their gradients, as ``step`` does after the passes.

        It is an iteration: ``iter`` counts it. With ``net.clear_param_diffs()``,
        ``net.forward()`` and ``net.backward()`` it makes a loop of one's own.
        """
        with self._training():
            self.engine.apply_update(displayed=self.engine.is_display_due())
            self.engine.iteration += 1

    def share_weights(self, net: Net) -> None:
        """Train the parameters of ``net``, in the layers of the same names, from now on.

        Raises:
            ParamSharingError: layers of one name have parameters of different shapes.
        """
        self.net.share_with(net)

    def add_callback(self, on_start: Any, on_gradients_ready: Any = None) -> None:
        """Call ``on_start()`` before the passes of each iteration, and the other before the update.

        Args:
            on_start: a function without arguments; or, given alone, an object with methods of
                both names, or a ``minicaffe.callbacks.Callback``.
            on_gradients_ready: a function without arguments: the gradients are added up.

        Raises:
            TypeError: one cannot be called.
        """
        if isinstance(on_start, Callback):
            self.engine.callbacks.append(on_start)
            return
        if on_gradients_ready is None and hasattr(on_start, "on_gradients_ready"):
            on_start, on_gradients_ready = on_start.on_start, on_start.on_gradients_ready
        for name, given in (("on_start", on_start), ("on_gradients_ready", on_gradients_ready)):
            if not callable(given):
                raise TypeError(f"{name} is {given!r}, expected a function without arguments")
        nets = (self.net, *self.test_nets)
        self.engine.callbacks.append(_Functions(on_start, on_gradients_ready, nets))

    def close(self) -> None:
        """Stop the threads and release the files of all nets, which are of no more use then."""
        self.engine.close()

    def _training(self) -> AbstractContextManager[None]:
        """Around what trains: with ``param`` as it is now."""
        self.engine.reconfigure()
        return self._synced()

    def _synced(self) -> AbstractContextManager[None]:
        """Around what reads or changes the parameters: they are where it is computed."""
        for net in (self.net, *self.test_nets):
            net.write_back()
        return interrupts.deferred()

    def _of_type(self, param: SolverParameter) -> SolverParameter:
        """``param`` with the type of the class, which wins as in the original."""
        if self.type is not None and param.type != self.type:
            if param.HasField("type"):
                glog.warning(
                    "_caffe.cpp:1",
                    f"type is {param.type!r}, but {type(self).__name__} trains with "
                    f"{self.type!r}, as in Caffe; get_solver() does what the file says",
                )
            param.type = self.type
        return param


class SGDSolver(Solver):
    """Stochastic gradient descent with momentum."""

    type = "SGD"


class NesterovSolver(Solver):
    """Nesterov's accelerated gradient."""

    type = "Nesterov"


class AdaGradSolver(Solver):
    """AdaGrad: a rate for each weight, which only falls."""

    type = "AdaGrad"


class RMSPropSolver(Solver):
    """RMSProp: a rate for each weight, from its latest gradients."""

    type = "RMSProp"


class AdaDeltaSolver(Solver):
    """AdaDelta: steps as large as the latest ones."""

    type = "AdaDelta"


class AdamSolver(Solver):
    """Adam: momentum, and a rate for each weight."""

    type = "Adam"


_CLASSES: dict[str, type[Solver]] = {
    str(cls.type): cls
    for cls in (
        *(SGDSolver, NesterovSolver, AdaGradSolver),
        *(RMSPropSolver, AdaDeltaSolver, AdamSolver),
    )
}


def get_solver(definition: StrPath | Message) -> Solver:
    """The solver of the ``type`` that ``definition`` names, ours beyond the original's too.

    Raises:
        MinicaffeError: it cannot be read, there is no such type, or its nets cannot be built.
    """
    param = _read(definition)
    return _CLASSES.get(param.type, Solver)(param)


class _Functions(Callback):
    """Two functions as a callback of the engine's; what they write into ``nets`` counts."""

    def __init__(
        self,
        on_start: Callable[[], object],
        on_gradients_ready: Callable[[], object],
        nets: Iterable[Net],
    ) -> None:
        self._on_start, self._on_gradients_ready = on_start, on_gradients_ready
        self._nets = nets

    def on_start(self, solver: engine.Solver) -> None:
        self._call(self._on_start)

    def on_gradients_ready(self, solver: engine.Solver) -> None:
        self._call(self._on_gradients_ready)

    def _call(self, function: Callable[[], object]) -> None:
        function()
        for net in self._nets:
            net.write_back()


def _wrapped(net: EngineNet) -> Net:
    """``net`` for the user, who may keep it longer than the solver: its threads end with it."""
    result = Net.wrap(net)
    weakref.finalize(result, _close, [step.layer for step in net.steps])
    return result


def _close(layers: Iterable[Layer]) -> None:
    for layer in layers:
        layer.close()


def _poll() -> Action:
    return Action.STOP if interrupts.asked() else Action.NONE


def _read(definition: StrPath | Message) -> SolverParameter:
    """The solver that a file defines, or a message, of this package's schema or of another's."""
    if not isinstance(definition, Message):
        path = os.fspath(definition)
        check_file(path)
        return read_solver(path)
    if not isinstance(definition, SolverParameter):
        definition = SolverParameter.FromString(definition.SerializeToString())
    return upgrade_solver(definition)
