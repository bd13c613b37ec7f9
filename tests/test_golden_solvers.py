"""Whole training runs against the original's, step by step, and from its snapshots.

``golden/solvers/NAME.npz``: ``init/LAYER/I`` the first weights, ``data/K`` and ``label/K`` the
input of iteration K, ``loss`` what the original displayed, ``after/K/LAYER/I`` the weights after
iteration K. The snapshots it wrote after its 6th iteration are beside it, in the case's format.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minicaffe.proto import binary
from minicaffe.proto import minicaffe_pb2 as pb
from minicaffe.proto.text import read_solver
from minicaffe.solver import Solver
from minicaffe.solvers import rule_classes

FOLDER = Path(__file__).parent / "golden" / "solvers"
CASES = sorted(path.name.split(".")[0] for path in FOLDER.glob("*.solver.prototxt"))
KINDS = {"caffemodel": pb.NetParameter, "solverstate": pb.SolverState}


def test_cases_are_there():
    assert len(CASES) == 23
    caffes = set(rule_classes()) - {"AdamW", "LARS"}
    assert {read_solver(FOLDER / f"{case}.solver.prototxt").type for case in CASES} == caffes


@pytest.fixture
def case(request, device, monkeypatch, tmp_path):
    """The solver of a case, writing to tmp_path, and the original's arrays."""
    monkeypatch.chdir(FOLDER)
    param = read_solver(f"{request.param}.solver.prototxt")
    param.snapshot_prefix = str(tmp_path / request.param)
    param.snapshot_after_train = False
    return Solver(param, device), dict(np.load(f"{request.param}.npz")), request.param


def suffix(solver):
    """What snapshots' names end in, in the format of the case."""
    return ".h5" if solver.param.snapshot_format == pb.SolverParameter.HDF5 else ""


def feed(solver, arrays, iteration):
    """The input of ``iteration``: the same for each of its ``iter_size`` passes."""
    for name in ("data", "label"):
        blob = solver.net.blobs[name]
        blob.data[...] = solver.device.xp.asarray(arrays[f"{name}/{iteration}"])


def set_weights(solver, arrays):
    for step in solver.net.steps:
        for index, blob in enumerate(step.layer.blobs):
            blob.data[...] = solver.device.xp.asarray(arrays[f"init/{step.name}/{index}"])


def check_weights(solver, arrays, iteration):
    checked = 0
    for step in solver.net.steps:
        for index, blob in enumerate(step.layer.blobs):
            expected = arrays.get(f"after/{iteration}/{step.name}/{index}")
            if expected is not None:
                found = solver.device.to_numpy(blob.data)
                np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
                checked += 1
    return checked


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_replays(case):
    solver, arrays, _ = case
    set_weights(solver, arrays)
    checked = 0
    for iteration, loss in enumerate(arrays["loss"]):
        feed(solver, arrays, iteration)
        solver.step(1)
        assert solver.loss == pytest.approx(loss, rel=1e-4)
        checked += check_weights(solver, arrays, iteration)
    assert checked >= 8


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_resumes_from_the_originals_snapshot(case):
    solver, arrays, name = case
    solver.restore(FOLDER / f"{name}_iter_6.solverstate{suffix(solver)}")
    assert solver.iteration == 6
    check_weights(solver, arrays, 5)
    for iteration in range(6, len(arrays["loss"])):
        feed(solver, arrays, iteration)
        solver.step(1)
        check_weights(solver, arrays, iteration)
    assert solver.loss == pytest.approx(arrays["loss"][-1], rel=1e-4)


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_writes_the_snapshot_that_the_original_writes(case, tmp_path):
    solver, arrays, name = case
    set_weights(solver, arrays)
    for iteration in range(6):
        feed(solver, arrays, iteration)
        solver.step(1)
    solver.snapshot()
    for kind in KINDS:
        file = f"{name}_iter_6.{kind}{suffix(solver)}"
        read = read_hdf5 if suffix(solver) else read_message
        (mine, numbers), (theirs, expected) = read(tmp_path / file), read(FOLDER / file)
        assert mine == theirs
        assert len(numbers) == len(expected) > 0
        for found, array in zip(numbers, expected, strict=True):
            np.testing.assert_allclose(found, array, rtol=1e-4, atol=1e-6)


def read_message(path):
    """What the message in a file says, and its blobs' values in order."""
    message = binary.read(path, KINDS[path.suffix[1:]])
    numbers = take_arrays(message)
    if isinstance(message, pb.SolverState):
        message.ClearField("run_state")
        message.learned_net = Path(message.learned_net).name
    return message, numbers


def read_hdf5(path):
    """Name, type and shape of each dataset and group in a file, and the datasets' values."""
    import h5py

    found, numbers = {}, []

    def visit(name, item):
        if isinstance(item, h5py.Group):
            found[name] = sorted(item)
        elif h5py.check_string_dtype(item.dtype):
            found[name] = Path(item.asstr()[()]).name, item.dtype.kind, item.shape
        else:
            found[name] = item.dtype, item.shape
            numbers.append(item[()])

    with h5py.File(path) as file:
        file.visititems(visit)
    found.pop("run_state", None)  # ours alone; the original looks for names and skips it
    return found, numbers


def take_arrays(message):
    """Remove all blobs' values from ``message``, and return them in order."""
    blobs = (
        message.history
        if isinstance(message, pb.SolverState)
        else [blob for layer in message.layer for blob in layer.blobs]
    )
    arrays = []
    for blob in blobs:
        for field in ("data", "diff"):
            arrays.append(np.array(getattr(blob, field)))
            blob.ClearField(field)
    return arrays
