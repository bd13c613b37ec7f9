"""What is saved and restored, in both formats; and that a restore is whole or not at all."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from google.protobuf import text_format

from minicaffe import snapshot, weights_file
from minicaffe.errors import MinicaffeError, PrototxtError, WeightsError
from minicaffe.proto import binary
from minicaffe.proto.minicaffe_pb2 import SolverParameter, SolverState
from minicaffe.solver import Callback, Solver

NET = """
layer { name: "data" type: "DummyData" top: "x" top: "t" dummy_data_param {
  shape { dim: 3 dim: 4 } shape { dim: 3 }
  data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 } } }
layer { name: "block/ip" type: "InnerProduct" bottom: "x" top: "y"
  inner_product_param { num_output: 2 weight_filler { type: "gaussian" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "y" bottom: "t" top: "loss" }
"""
BASE = (
    'base_lr: 0.1 momentum: 0.5 lr_policy: "fixed" max_iter: 8 random_seed: 7 average_loss: 3 '
    'type: "Adam" '
)


class Count(Callback):
    """A callback with a state."""

    def __init__(self):
        self.count = 0

    def on_step(self, solver):
        self.count += 1

    def state(self):
        return {"count": self.count}

    def set_state(self, state):
        self.count = int(state["count"])


class Stateless(Callback):
    pass


@pytest.fixture(params=["BINARYPROTO", "HDF5"])
def form(request):
    return request.param


@pytest.fixture
def make(tmp_path, form, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def build(text="", net=NET):
        param = text_format.Parse(f"{BASE} snapshot_format: {form}", SolverParameter())
        text_format.Merge(text, param)
        text_format.Parse(net, param.net_param)
        param.snapshot_prefix = "it"
        solver = Solver(param)
        solver.callbacks += [Count(), Stateless()]
        return solver

    return build


def everything(solver):
    """All that a restore may change, as one comparable value."""
    arrays = [param.blob.data for param in solver.net.params]
    arrays += [array for slot in solver.slots for array in slot.history]
    return (
        [array.tolist() for array in arrays],
        solver.iteration,
        solver.current_step,
        snapshot.run_state(solver),
    )


def test_a_resumed_run_is_the_same_run(make):
    one = make()
    one.step(3)
    state = one.snapshot()
    one.step(4)
    other = make("random_seed: 99")
    other.restore(state)
    other.step(4)
    assert everything(one) == everything(other)
    assert other.callbacks[0].count == 7


def test_names(make, form, tmp_path):
    solver = make()
    suffix = ".h5" if form == "HDF5" else ""
    assert solver.snapshot() == f"it_iter_0.solverstate{suffix}"
    assert snapshot.save(solver, "best") == f"it_best.solverstate{suffix}"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"it_{name}.{kind}{suffix}"
        for name in ("best", "iter_0")
        for kind in ("caffemodel", "solverstate")
    ]


def test_log(make, form, caplog):
    caplog.set_level("INFO", "minicaffe")
    solver = make()
    caplog.clear()
    solver.snapshot()
    expected = {
        "BINARYPROTO": [
            "Snapshotting to binary proto file it_iter_0.caffemodel",
            "Snapshotting solver state to binary proto file it_iter_0.solverstate",
        ],
        "HDF5": [
            "Snapshotting to HDF5 file it_iter_0.caffemodel.h5",
            "Snapshotting solver state to HDF5 file it_iter_0.solverstate.h5",
        ],
    }
    assert caplog.messages == expected[form]


def test_states_of_callbacks_that_are_not_there_are_skipped(make):
    one = make()
    one.step(2)
    state = one.snapshot()
    other = make()
    other.callbacks = [Stateless()]
    other.restore(state)
    assert other.iteration == 2


def tamper(state, **fields):
    """Change fields of a state that is in the file ``state``."""
    if state.endswith(".h5"):
        with h5py.File(state, "a") as file:
            for name, value in fields.items():
                del file[name]
                if value is not None:
                    data = np.bytes_(value) if isinstance(value, str) else np.array([value])
                    file.create_dataset(name, data=data)
        return
    message = binary.read(state, SolverState)
    for name, value in fields.items():
        message.ClearField(name)
        if value is not None:
            setattr(message, name, value)
    with open(state, "wb") as file:
        file.write(binary.to_bytes(message))


def good(solver, **changes):
    return json.dumps(snapshot.run_state(solver) | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("{", "run_state is no JSON"),
        ("[" * 100_000, "run_state is no JSON"),
        ("[1]", "run_state is no object"),
        ({"rng": {"bit_generator": "PCG64"}}, "run_state cannot be taken up"),
        ({"rng": 3}, "run_state cannot be taken up"),
        ({"losses": ["x"]}, "run_state cannot be taken up"),
        ({"losses": 3}, "run_state cannot be taken up"),
        ({"positions": [3]}, "run_state cannot be taken up"),
        ({"positions": {"a": 1}}, "run_state cannot be taken up"),
        ({"callbacks": {"Count": {"other": 1}}}, "run_state cannot be taken up"),
        ({"callbacks": {"Count": [3]}}, "run_state cannot be taken up"),
        ({"callbacks": 3}, "run_state cannot be taken up"),
    ],
)
def test_a_damaged_run_state_changes_nothing(make, changes, message):
    one, other = make(), make()
    one.step(2)
    state = one.snapshot()
    run = changes if isinstance(changes, str) else good(one, **changes)
    tamper(state, run_state=run)
    other.step(1)
    before = everything(other)
    with pytest.raises(PrototxtError, match=rf"it_iter_2.solverstate.*{message}"):
        other.restore(state)
    assert everything(other) == before


@pytest.mark.parametrize(
    "fields", [{"iter": -1}, {"current_step": -4}, {"iter": None}, {"learned_net": "gone"}]
)
def test_a_damaged_state_changes_nothing(make, fields):
    one, other = make(), make()
    one.step(2)
    state = one.snapshot()
    tamper(state, **fields)
    before = everything(other)
    with pytest.raises(MinicaffeError, match=r"it_iter_2.solverstate"):
        other.restore(state)
    assert everything(other) == before


def test_a_path_that_is_no_text(make):
    solver = make("snapshot_format: BINARYPROTO")
    state = Path(solver.snapshot())
    state.write_bytes(state.read_bytes().replace(b"it_iter_0.caffe", b"it_iter_\xff.caffe"))
    with pytest.raises(PrototxtError, match="learned_net is not UTF-8"):
        solver.restore(state)


def test_a_state_of_the_original_has_no_run_state(make):
    one, other = make(), make()
    one.step(2)
    state = one.snapshot()
    tamper(state, run_state=None)
    losses = list(other.losses)
    other.restore(state)
    assert (other.iteration, list(other.losses)) == (2, losses)


def test_a_state_without_weights_leaves_those_of_the_net(make, caplog):
    one, other = make(), make()
    one.step(2)
    state = one.snapshot()
    tamper(state, learned_net=None)
    before = [param.blob.data.copy() for param in other.net.params]
    other.restore(state)
    assert other.iteration == 2
    for param, array in zip(other.net.params, before, strict=True):
        np.testing.assert_array_equal(param.blob.data, array)
    assert "names no weights: those of the net stay" in caplog.text


def test_both_places_of_missing_weights_are_named(make, tmp_path):
    solver = make()
    state = tmp_path / solver.snapshot()
    weights = state.name.replace("solverstate", "caffemodel")
    (tmp_path / "moved").mkdir()
    moved = tmp_path / "moved" / state.name
    state.rename(moved)
    solver.restore(moved)  # where the state says
    (tmp_path / weights).rename(tmp_path / "moved" / weights)
    solver.restore(moved)  # beside it
    tamper(str(moved), learned_net=f"C:\\elsewhere\\{weights}")
    solver.restore(moved)
    (tmp_path / "moved" / weights).unlink()
    (tmp_path / "moved" / weights).mkdir()
    with pytest.raises(WeightsError, match=r"neither at .*elsewhere.* nor beside it, at .*moved"):
        solver.restore(moved)


def test_weights_and_state_may_be_of_two_formats(make, form):
    one, other = make(), make()
    one.step(2)
    state = one.snapshot()
    text = "BINARYPROTO" if form == "HDF5" else "HDF5"
    one.param.snapshot_format = SolverParameter.SnapshotFormat.Value(text)
    one.snapshot()
    suffix = "" if form == "HDF5" else ".h5"
    tamper(state, learned_net=f"it_iter_2.caffemodel{suffix}")
    other.restore(state)
    assert everything(one) == everything(other)


@pytest.mark.parametrize(
    ("text", "net", "message"),
    [
        ('type: "SGD"', NET, "4 history blobs, expected 2, as solver type SGD"),
        (
            "",
            NET.replace("num_output: 2", "num_output: 4"),
            r"has shape \(2, 4\), expected \(4, 4\)",
        ),
        (
            "",
            NET.replace("dim: 4", "dim: 2").replace("num_output: 2", "num_output: 4"),
            r"history blob 0 has shape \(2, 4\), expected \(4, 2\)",
        ),
    ],
)
def test_states_of_other_solvers_and_nets(make, text, net, message):
    one = make()
    one.step(1)
    state = one.snapshot()
    other = make(text, net)
    before = everything(other)
    with pytest.raises(WeightsError, match=message):
        other.restore(state)
    assert everything(other) == before


def test_weights_given_as_a_state(make, form):
    solver = make()
    weights = solver.snapshot().replace("solverstate", "caffemodel")
    with pytest.raises(WeightsError, match=r"is a .caffemodel, expected a .solverstate"):
        solver.restore(weights)


def test_a_state_that_json_cannot_hold(make, tmp_path):
    solver = make()
    solver.callbacks[0].state = lambda: {"count": np.float32(1)}
    with pytest.raises(WeightsError, match="the state of a callback is no JSON"):
        solver.snapshot()
    assert list(tmp_path.iterdir()) == []


def test_protobufs_limit(make, monkeypatch, form):
    """Of a run whose solver was built without snapshots, and was asked for one by a signal."""
    solver = make("snapshot_after_train: false")
    for limit, message in ((39, "the parameters take 40"), (79, "arrays of the state take 80")):
        monkeypatch.setattr(weights_file, "MAX_BYTES", limit)
        if form == "BINARYPROTO":
            with pytest.raises(WeightsError, match=rf"{message} .*snapshot_format: HDF5 does"):
                solver.snapshot()
        else:
            solver.snapshot()


@contextmanager
def disk_for(count):
    """No file may grow beyond ``count`` bytes inside, as on a disk that is full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:  # before pytest writes its next word, to a file perhaps
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_old_snapshot_stays_whole_where_a_new_one_cannot_be_written(make, tmp_path):
    solver = make()
    solver.step(1)
    state = snapshot.save(solver, "best")
    before, names = everything(solver), sorted(tmp_path.iterdir())
    solver.step(1)
    with (
        disk_for(200),
        pytest.raises(WeightsError, match=r"cannot write it_best.*: File too large"),
    ):
        snapshot.save(solver, "best")
    assert sorted(tmp_path.iterdir()) == names
    other = make("snapshot_after_train: false")
    other.restore(state)
    assert everything(other) == before


@pytest.mark.parametrize("name", ["iter", "current_step", "learned_net", "history"])
def test_members_of_the_wrong_kind(make, name):
    solver = make("snapshot_format: HDF5")
    state = solver.snapshot()
    with h5py.File(state, "a") as file:
        del file[name]
        file.create_group(name).create_dataset("x", data=3)
    with pytest.raises(PrototxtError, match=r"it_iter_0.solverstate.h5"):
        solver.restore(state)


def test_what_is_read_takes_no_more_than_it_has(make, form):
    """A history of a petabyte, which nobody stored."""
    solver = make()
    state = solver.snapshot()
    if form == "HDF5":
        with h5py.File(state, "a") as file:
            del file["history/0"]
            file.create_dataset("history/0", (2, 4), "f4")
    else:
        message = binary.read(state, SolverState)
        message.history[0].ClearField("data")
        with open(state, "wb") as file:
            file.write(binary.to_bytes(message))
    with pytest.raises(WeightsError, match=r"history blob 0 .*(stores 0|has no values)"):
        solver.restore(state)
