"""A training run that is killed, at any moment, leaves whole snapshots and nothing else.

The net's one parameter grows by a known amount with every iteration, and its history too, so that
weights and state both tell which iteration they are of.
"""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest
from google.protobuf import text_format

from minicaffe import snapshot
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.snapshot_file import open_state
from minicaffe.solver import Solver
from minicaffe.weights_file import open_weights
from tests.cli import tiny

NET = """
layer { name: "w" type: "Parameter" top: "w" parameter_param { shape { dim: 400 dim: 1000 } } }
layer { name: "sum" type: "Reduction" bottom: "w" top: "sum" loss_weight: -1 }
"""
SOLVER = """
net: "net.prototxt" base_lr: 1 momentum: 1 lr_policy: "fixed" max_iter: 1000000
snapshot: 1 snapshot_prefix: "run" snapshot_format: {} random_seed: 1
"""


def check(folder):
    """Load every file under its final name; returns the states, by their iterations."""
    weights, states = {}, {}
    for path in folder.glob("run_iter_*"):
        number = int(re.findall(r"\d+", path.name)[0])
        if ".caffemodel" in path.name:
            with open_weights(path) as layers:
                found = next(layer.blobs[0].array() for layer in layers if layer.name == "w")
            assert (found == number * (number + 1) / 2).all(), path
            weights[number] = path
        else:
            with open_state(path) as (state, blobs):
                assert state.iteration == number
                assert state.learned_net == path.name.replace("solverstate", "caffemodel")
                assert (blobs[0].array() == -number).all(), path
            states[number] = path
    assert set(states) <= set(weights)
    return states


def kill_and_resume(folder, times, form):
    (folder / "net.prototxt").write_text(NET)
    (folder / "solver.prototxt").write_text(SOLVER.format(form))
    rng, states, newest = random.Random(times), {}, 0
    leftovers = 0
    for _ in range(times):
        argv = ["-snapshot", states[newest].name] if states else []
        with tiny.running(folder, "train", "solver.prototxt", *argv) as run:
            wait = rng.randrange(4, 8)  # two lines a snapshot
            while wait and (line := run.stderr.readline()):
                wait -= "Snapshotting" in line
            time.sleep(rng.uniform(0, 0.06))
            run.kill()
        found = list(folder.glob(".run*.tmp"))
        assert len(found) <= 2  # those of the kills before are gone
        leftovers += len(found)
        states = check(folder)
        assert max(states, default=0) >= newest
        newest = max(states, default=0)
        for path in folder.glob("run_iter_*"):
            if not path.name.startswith(f"run_iter_{newest}."):
                path.unlink()
    assert newest > 0
    return leftovers


@pytest.mark.parametrize("form", ["BINARYPROTO", "HDF5"])
def test_some_kills(form, tmp_path):
    kill_and_resume(tmp_path, 2, form)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["BINARYPROTO", "HDF5"])
def test_fifty_kills(form, tmp_path):
    assert kill_and_resume(tmp_path, 50, form) > 0  # some of them did hit a file being written


@pytest.mark.parametrize("moment", ["write_weights", "write_state", "sync", "replace"])
def test_a_named_snapshot_is_never_of_two_iterations(moment, tmp_path, monkeypatch):
    """It is overwritten each time: what a kill leaves is the old pair, the new, or no state."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.prototxt").write_text(NET.replace("400", "2").replace("1000", "3"))
    solver = Solver(text_format.Parse(SOLVER.format("BINARYPROTO"), SolverParameter()))
    solver.step(1)
    snapshot.save(solver, "best")
    solver.step(1)

    class Killed(BaseException):
        pass

    def kill(*args, **kwargs):
        raise Killed

    if moment == "replace":  # the second one: weights have their name, the state does not
        replace = Path.replace
        calls = []
        monkeypatch.setattr(
            Path, "replace", lambda *a: kill() if calls else calls.append(replace(*a))
        )
    else:
        monkeypatch.setattr(snapshot, moment, kill)
    with pytest.raises(Killed):
        snapshot.save(solver, "best")
    with open_weights("run_best.caffemodel") as layers:
        of_weights = float(layers[0].blobs[0].array()[0, 0])
    if moment == "replace":
        assert of_weights == 3
        assert not (tmp_path / "run_best.solverstate").exists()
    else:
        assert of_weights == 1
        with open_state("run_best.solverstate") as (state, _):
            assert state.iteration == 1
