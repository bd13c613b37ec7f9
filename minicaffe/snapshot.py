"""A solver's state on disk: what a run needs to go on as if it had not stopped.

The files are the original's, and the original reads them. What it never kept (the position in the
data, the random state, the losses being averaged) is in them too, where it does not look.

After: src/caffe/solver.cpp (Snapshot, Restore). Differences: both files are whole before either
gets its name, so that a run may be killed at any moment; the parameters are looked for beside the
state as well.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicaffe import glog
from minicaffe.blob_proto import HostArray
from minicaffe.errors import MinicaffeError, PrototxtError, WeightsError
from minicaffe.files import replacing, sync
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.snapshot_check import check_room, check_snapshots
from minicaffe.snapshot_file import State, open_state, write_state
from minicaffe.stored import StoredBlob
from minicaffe.weights import plan_copy
from minicaffe.weights_file import open_weights, write_weights

if TYPE_CHECKING:
    from minicaffe.solver import Solver

__all__ = ["check_room", "check_snapshots", "restore", "run_state", "save"]

# What a state that makes no sense raises in those that are given it.
_ODD = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, MinicaffeError)


def save(solver: Solver, name: str | None = None) -> str:
    """Write the parameters and the state of ``solver``; returns the path of the state.

    Args:
        solver: what to write.
        name: what follows the prefix and an underscore; ``iter_N`` where it is None.

    Raises:
        WeightsError: a file cannot be written; what was there is as it was.
    """
    as_hdf5 = solver.param.snapshot_format == SolverParameter.HDF5
    base = f"{solver.param.snapshot_prefix}_{name or f'iter_{solver.iteration}'}"
    weights, path = (f"{base}.{kind}{'.h5' * as_hdf5}" for kind in ("caffemodel", "solverstate"))
    kind = "HDF5" if as_hdf5 else "binary proto"
    state = State(
        solver.iteration, weights, solver.current_step, solver.before_test or run_state(solver)
    )
    history = [solver.device.to_numpy(array) for array in _history(solver)]
    with replacing(path) as new_state, replacing(weights) as new_weights:
        glog.info("solver.cpp:464", f"Snapshotting to {kind} file {weights}")
        write_weights(solver.net, new_weights, diff=solver.param.snapshot_diff, as_hdf5=as_hdf5)
        glog.info("sgd_solver.cpp:284", f"Snapshotting solver state to {kind} file {path}")
        write_state(state, history, new_state, as_hdf5=as_hdf5)
        sync(new_weights)
        sync(new_state)
        # From here to the end a state that names the old weights must not be there.
        Path(path).unlink(missing_ok=True)
    return path


def restore(solver: Solver, path: str | Path) -> None:
    """Let ``solver`` continue from the state in ``path`` and the parameters that it names.

    Raises:
        PrototxtError: no such file, not a ``.solverstate``, or a damaged one.
        WeightsError: it is of another kind of solver, or of another net, or its parameters are
            not there. Nothing has changed after either.
    """
    glog.info("caffe.cpp:242", f"Resuming from {path}")
    with open_state(path) as (state, blobs):
        arrays = _arrays(solver, blobs, path)
    if state.learned_net:
        weights = _beside(state.learned_net, path)
        with open_weights(weights) as layers:
            plan = plan_copy(solver.net, layers, weights)
            _restore_run(solver, state.run, path)
            plan.run()
    else:
        glog.warning("sgd_solver.cpp:303", f"{path} names no weights: those of the net stay")
        _restore_run(solver, state.run, path)
    for target, array in zip(_history(solver), arrays, strict=True):
        target[...] = solver.device.xp.asarray(array.astype(target.dtype, copy=False))
    solver.iteration, solver.current_step = state.iteration, state.current_step


def run_state(solver: Solver) -> dict[str, Any]:
    """What the original never kept, as JSON can hold it.

    Positions in the data, random state, losses being averaged, and the states of the callbacks
    by the names of their classes.
    """
    nets = (solver.net, *solver.test_nets)
    states = {type(callback).__name__: callback.state() for callback in solver.callbacks}
    return {
        "rng": solver.device.rng.bit_generator.state,
        "losses": [float(loss) for loss in solver.losses],
        "positions": [
            {step.name: position for step in net.steps if (position := step.layer.position())}
            for net in nets
        ],
        "callbacks": {name: state for name, state in states.items() if state is not None},
    }


def _restore_run(solver: Solver, run: dict[str, Any], path: str | Path) -> None:
    """Take up ``run``, all of it or, after an error, nothing."""
    if not run:
        return
    before = run_state(solver)
    try:
        _take_up(solver, run)
    except _ODD as error:
        _take_up(solver, before)
        raise PrototxtError(
            f"is damaged, or of another net: run_state cannot be taken up: {error!r}", str(path)
        ) from error


def _take_up(solver: Solver, run: dict[str, Any]) -> None:
    losses = [float(loss) for loss in run.get("losses", [])]
    positions = [dict(each) for each in run.get("positions", [])]
    states = dict(run.get("callbacks", {}))
    if "rng" in run:
        solver.device.rng.bit_generator.state = run["rng"]
    for callback in solver.callbacks:
        if type(callback).__name__ in states:
            callback.set_state(states[type(callback).__name__])
    for net, of_layers in zip((solver.net, *solver.test_nets), positions, strict=False):
        for step in net.steps:
            if step.name in of_layers:
                step.layer.set_position(of_layers[step.name])
    solver.losses.clear()
    solver.losses.extend(losses)


def _history(solver: Solver) -> list[Any]:
    """Each array of the rule: all firsts, then all seconds."""
    return [slot.history[n] for n in range(solver.rule.num_history) for slot in solver.slots]


def _arrays(solver: Solver, blobs: list[StoredBlob], path: str | Path) -> list[HostArray]:
    """What the file has for each array of ``_history``."""
    targets = _history(solver)
    if len(blobs) != len(targets):
        raise WeightsError(
            f"{path}: {len(blobs)} history blobs, expected {len(targets)}, as solver type "
            f"{solver.rule.type} has for this net: resume with the solver that wrote it"
        )
    arrays = []
    for index, (blob, target) in enumerate(zip(blobs, targets, strict=True)):
        if not blob.fits(target.shape):
            raise WeightsError(
                f"{path}: history blob {index} has shape {blob.shape}, expected {target.shape}, "
                "as this net has"
            )
        try:
            blob.check()
        except WeightsError as error:
            raise WeightsError(f"{path}: history blob {index} {error}") from error
        arrays.append(blob.array().reshape(target.shape))
    return arrays


def _beside(learned_net: str, state: str | Path) -> Path:
    """The parameters where the state says they are or, if they have been moved, beside it."""
    there = Path(learned_net)
    beside = Path(state).parent / re.split(r"[/\\]", learned_net)[-1]
    for path in (there, beside):
        if path.is_file():
            return path
    raise WeightsError(
        f"{state}: its parameters are found neither at {there} (seen from {Path.cwd()}) nor "
        f"beside it, at {beside}: a .solverstate is of use with its .caffemodel alone"
    )
