"""Files of a solver's state: ``.solverstate``, and HDF5 with the same name and ``.h5``.

After: src/caffe/solvers/sgd_solver.cpp (SnapshotSolverStateToBinaryProto, ...ToHDF5, and the
Restore... of both). What the original does not keep is in a field, or dataset, ``run_state`` of
ours, which it skips: in the same file, so that the two cannot come apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minicaffe import hdf5, hdf5_writer
from minicaffe.blob_proto import HostArray, array_to_proto
from minicaffe.errors import PrototxtError, WeightsError
from minicaffe.proto import binary
from minicaffe.proto.minicaffe_pb2 import SolverState
from minicaffe.stored import ProtoBlob, StoredBlob
from minicaffe.weights_file import refuse_over_2_gb

_MOST_ITERATIONS = 2**31 - 1  # the original's iter is an int


@dataclass
class State:
    """What a state says.

    Attributes:
        iteration: number of updates done.
        learned_net: path of the weights, as it was written; "" where there are none.
        current_step: how often the learning rate has been lowered.
        run: what the original never kept; empty in its files.
    """

    iteration: int
    learned_net: str
    current_step: int
    run: dict[str, Any]


def write_state(
    state: State, history: Sequence[HostArray], path: Path, *, as_hdf5: bool = False
) -> None:
    """Write ``state`` and the arrays of its solver to ``path``.

    Raises:
        OSError: the file cannot be written.
        WeightsError: a callback has a state that JSON cannot hold, or the arrays take 2 GB or
            more, which protobuf cannot hold.
    """
    try:
        run = json.dumps(state.run)
    except (TypeError, ValueError) as error:
        raise WeightsError(
            f"{path.name}: the state of a callback is no JSON, expected JSON: {error}"
        ) from error
    if not as_hdf5:
        refuse_over_2_gb(sum(array.nbytes for array in history), "the arrays of the state")
        message = SolverState(
            iter=state.iteration,
            learned_net=state.learned_net,
            current_step=state.current_step,
            run_state=run,
        )
        for array in history:
            array_to_proto(array, proto=message.history.add())
        path.write_bytes(binary.to_bytes(message))
        return
    with hdf5_writer.writing(path) as file:
        hdf5_writer.write_int(file, "iter", state.iteration)
        hdf5_writer.write_string(file, "learned_net", state.learned_net)
        hdf5_writer.write_int(file, "current_step", state.current_step)
        group = file.create_group("history")
        for number, array in enumerate(history):
            group.create_dataset(str(number), data=array)
        hdf5_writer.write_string(file, "run_state", run)


@contextmanager
def open_state(path: str | Path) -> Iterator[tuple[State, list[StoredBlob]]]:
    """The state in ``path`` and its solver's arrays, which can be read as long as this is open.

    Raises:
        PrototxtError: no such file, not a ``.solverstate``, or a damaged one.
        WeightsError: it is a ``.caffemodel``.
    """
    if not hdf5.is_hdf5(path):
        _refuse_weights(path, Path(path).suffix == ".caffemodel")
        message = binary.read(path, SolverState)
        if not message.HasField("iter"):
            raise PrototxtError("is no .solverstate: it has no iteration", str(path))
        if isinstance(message.learned_net, bytes):  # what protobuf gives for bytes of no text
            raise PrototxtError("is damaged: learned_net is not UTF-8", str(path))
        state = State(message.iter, message.learned_net, message.current_step, {})
        yield _checked(state, message.run_state, path), [ProtoBlob(b) for b in message.history]
        return
    with hdf5.reading(path) as file:
        try:
            found = hdf5.members(file)
        except WeightsError as error:
            raise PrototxtError(str(error), str(path)) from error
        _refuse_weights(path, "data" in found and "history" not in found)
        try:
            learned = hdf5.read_string(file, "learned_net") if "learned_net" in found else ""
            run = hdf5.read_string(file, "run_state") if "run_state" in found else ""
            numbers = [hdf5.read_int(file, name) for name in ("iter", "current_step")]
            blobs = _in_order(hdf5.members(hdf5.member_group(file, "history")))
        except WeightsError as error:
            raise PrototxtError(str(error), str(path)) from error
        yield _checked(State(numbers[0], learned, numbers[1], {}), run, path), blobs


def _refuse_weights(path: str | Path, is_weights: bool) -> None:
    if is_weights:
        raise WeightsError(
            f"{path} is a .caffemodel, expected a .solverstate: to start a new run from its "
            "parameters give it as -weights"
        )


def _in_order(members: dict[str, Any]) -> list[StoredBlob]:
    names = [str(number) for number in range(len(members))]
    if set(names) != set(members):
        raise WeightsError(f"history has {', '.join(members)[:200]}, expected 0, 1, 2")
    return [hdf5.HDF5Blob(members[name]) for name in names]


def _checked(state: State, run: str, path: str | Path) -> State:
    """``state`` with what ``run`` says, once its numbers are known to make sense."""
    try:
        state.run = json.loads(run or "{}")
    except (ValueError, RecursionError) as error:
        raise PrototxtError(f"is damaged: run_state is no JSON: {error}", str(path)) from error
    if not isinstance(state.run, dict):
        raise PrototxtError("is damaged: run_state is no object", str(path))
    for name, value in (("iter", state.iteration), ("current_step", state.current_step)):
        if not 0 <= value <= _MOST_ITERATIONS:
            raise PrototxtError(f"is damaged: {name} is {value}, expected >= 0", str(path))
    return state
