"""A solver's state on disk: what a run needs to go on as if it had not stopped.

``SolverState`` is the original's, and the original reads these files. What it never kept (the
position in the data, the random state, the losses being averaged) is JSON in a field of ours,
which it skips: in the same file, so that the two cannot come apart.

After: src/caffe/solvers/sgd_solver.cpp (SnapshotSolverState, RestoreSolverState).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicaffe import log
from minicaffe.blob_proto import HostArray, array_to_proto, proto_array
from minicaffe.errors import PrototxtError, SolverConfigError, WeightsError
from minicaffe.files import replacing
from minicaffe.proto import binary
from minicaffe.proto.minicaffe_pb2 import SolverParameter, SolverState
from minicaffe.weights import load_weights, save_weights

if TYPE_CHECKING:
    from minicaffe.solver import Solver


def check_snapshots(param: SolverParameter) -> None:
    """Refuse now what would fail at the first snapshot, hours from now.

    Raises:
        SolverConfigError: the folder of ``snapshot_prefix`` is not there or cannot be written,
            or the format is HDF5.
    """
    if not (param.snapshot or param.snapshot_after_train):
        return
    if param.snapshot_format == SolverParameter.HDF5:
        raise SolverConfigError("snapshot_format is HDF5, expected BINARYPROTO: not written yet")
    folder = Path(f"{param.snapshot_prefix}_").parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise SolverConfigError(
            f"snapshot_prefix is {param.snapshot_prefix!r}, expected a path in a folder that "
            f"exists and can be written: {folder} is not one"
        )


def save(solver: Solver) -> str:
    """Write the parameters and the state of ``solver``; returns the path of the state.

    Raises:
        WeightsError: a file cannot be written; no half of one is left.
    """
    base = f"{solver.param.snapshot_prefix}_iter_{solver.iteration}"
    weights, path = f"{base}.caffemodel", f"{base}.solverstate"
    log.info("solver.cpp:464", f"Snapshotting to binary proto file {weights}")
    save_weights(solver.net, weights, diff=solver.param.snapshot_diff)
    log.info("sgd_solver.cpp:284", f"Snapshotting solver state to binary proto file {path}")
    state = SolverState(
        iter=solver.iteration,
        learned_net=weights,
        current_step=solver.current_step,
        run_state=json.dumps(solver.before_test or run_state(solver)),
    )
    for number in range(solver.rule.num_history):
        for slot in solver.slots:
            array_to_proto(solver.device.to_numpy(slot.history[number]), proto=state.history.add())
    data = binary.to_bytes(state)
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return path


def restore(solver: Solver, path: str | Path) -> None:
    """Let ``solver`` continue from the state in ``path`` and the parameters that it names.

    Raises:
        PrototxtError: no such file, or not a ``.solverstate``.
        WeightsError: it is of another kind of solver, or of another net; nothing has changed.
    """
    log.info("caffe.cpp:242", f"Resuming from {path}")
    state, run = _read(path)
    arrays = _history(solver, state, path)
    load_weights(solver.net, _beside(state.learned_net, path))
    for target, array in arrays:
        target[...] = solver.device.xp.asarray(array.astype(target.dtype, copy=False))
    solver.iteration, solver.current_step = state.iter, state.current_step
    if run:
        _restore_run(solver, run)


def run_state(solver: Solver) -> dict[str, Any]:
    """What the original never kept: positions in the data, random state, losses being averaged."""
    nets = (solver.net, *solver.test_nets)
    return {
        "rng": solver.device.rng.bit_generator.state,
        "losses": [float(loss) for loss in solver.losses],
        "positions": [
            {step.name: position for step in net.steps if (position := step.layer.position())}
            for net in nets
        ],
    }


def _restore_run(solver: Solver, run: dict[str, Any]) -> None:
    solver.device.rng.bit_generator.state = run["rng"]
    solver.losses.clear()
    solver.losses.extend(run["losses"])
    nets = (solver.net, *solver.test_nets)
    for net, positions in zip(nets, run["positions"], strict=False):
        for step in net.steps:
            if step.name in positions:
                step.layer.set_position(positions[step.name])


def _read(path: str | Path) -> tuple[SolverState, dict[str, Any]]:
    if Path(path).suffix == ".caffemodel":
        raise WeightsError(
            f"{path} is a .caffemodel, expected a .solverstate: to start a new run from its "
            "parameters give it as -weights"
        )
    state = binary.read(path, SolverState)
    if not state.HasField("iter"):
        raise PrototxtError("is no .solverstate: it has no iteration", str(path))
    try:
        return state, json.loads(state.run_state or "{}")
    except ValueError as error:
        raise PrototxtError(f"is damaged: {error}", str(path)) from error


def _history(solver: Solver, state: SolverState, path: str | Path) -> list[tuple[Any, HostArray]]:
    """Each array of the rule with what the file has for it: all firsts, then all seconds."""
    targets = [s.history[n] for n in range(solver.rule.num_history) for s in solver.slots]
    if len(state.history) != len(targets):
        raise WeightsError(
            f"{path}: {len(state.history)} history blobs, expected {len(targets)}, as solver "
            f"type {solver.rule.type} has for this net: resume with the solver that wrote it"
        )
    pairs = []
    for target, proto in zip(targets, state.history, strict=True):
        array = proto_array(proto)
        if array is None or array.size != target.size:
            shape = "no values" if array is None else f"shape {array.shape}"
            raise WeightsError(f"{path}: a history blob has {shape}, expected {target.shape}")
        pairs.append((target, array.reshape(target.shape)))
    return pairs


def _beside(learned_net: str, state: str | Path) -> Path:
    """The parameters where the state says they are or, if they have been moved, beside it."""
    path = Path(learned_net)
    return path if path.exists() else Path(state).parent / path.name
