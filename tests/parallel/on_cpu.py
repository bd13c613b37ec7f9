"""Jobs of processes that compute on the CPU; importable, as a process that is spawned needs."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from google.protobuf import text_format

from minicaffe.callbacks import Callback
from minicaffe.device import cpu
from minicaffe.errors import SolverError
from minicaffe.parallel.host import HostCommunicator
from minicaffe.parallel.job import Job
from minicaffe.parallel.together import follow, follower
from minicaffe.proto.minicaffe_pb2 import SolverParameter
from minicaffe.solver import Solver
from tests.data.databases import datum, make_lmdb

NET = """
name: "small"
layer { name: "data" type: "Data" top: "data" top: "label"
  data_param { source: "SOURCE" batch_size: BATCH backend: LMDB }
  transform_param { scale: 0.01 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
DROPOUT = """
layer { name: "drop" type: "Dropout" bottom: "ip" top: "ip" include { phase: TRAIN } }
layer { name: "loss" """
SOLVER = 'base_lr: 0.1 lr_policy: "fixed" momentum: 0.9 max_iter: 4 random_seed: 5 display: 1'


def with_dropout(net=NET):
    return net.replace('\nlayer { name: "loss" ', DROPOUT)


def definition(folder: Path, batch: int, text: str = "", net: str = NET) -> SolverParameter:
    """A solver of ``net`` on 48 records, each of which tells its number."""
    source = folder / "lmdb"
    if not source.exists():
        rng = np.random.default_rng(3)
        make_lmdb(
            source,
            (datum(rng.integers(0, 256, (1, 5, 6)).astype(np.uint8), n % 3) for n in range(48)),
        )
    param = text_format.Parse(SOLVER, SolverParameter())
    net = net.replace("SOURCE", str(source)).replace("BATCH", str(batch))
    text_format.Parse(net, param.net_param)
    param.snapshot_prefix = str(folder / "small")
    return text_format.Merge(text, param)


class Record(Callback):
    """Writes what a rank has, after each update, where ``folder`` is."""

    def __init__(self, folder: str, rank: int) -> None:
        self.path = Path(folder, f"rank{rank}")
        self.rows: list[list[np.ndarray]] = []

    def on_step(self, solver: Solver) -> None:
        host = solver.device.to_numpy
        arrays = {f"param{i}": host(param.blob.data) for i, param in enumerate(solver.net.params)}
        arrays["data"] = host(solver.net.blobs["data"].data)
        for step in solver.net.steps:
            if step.name == "drop":
                arrays["mask"] = host(step.layer._mask)
        arrays["chance"] = np.array([solver.device.rng.random()])
        arrays["steps"] = np.array([solver.current_step])
        np.savez(f"{self.path}_{solver.iteration}.npz", **arrays)


class Fail(Callback):
    """Fails at iteration 2, in one of several ways; ``late ...`` when the others wait for it."""

    def __init__(self, how: str) -> None:
        self.how = how

    def on_gradients_ready(self, solver: Solver) -> None:
        if solver.iteration == 2 and self.how.startswith("late "):
            time.sleep(0.7)
            FAILURES[self.how.removeprefix("late ")]()

    def on_step(self, solver: Solver) -> None:
        if solver.iteration == 2 and self.how in FAILURES:
            FAILURES[self.how]()


def _refuse() -> None:
    raise SolverError("the wheel has come off")


def _mistake() -> None:
    raise KeyError("oops")


FAILURES = {
    "ours": _refuse,
    "other": _mistake,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: os._exit(3),
}


@dataclass
class CpuJob(Job):
    """``param`` on ``size`` processes; ``fails`` says which rank does, and how."""

    param: SolverParameter
    size: int = 2
    record: str = ""
    fails: tuple[int, str] = (-1, "")
    fails_to_build: int = -1

    def __getstate__(self):
        return {**vars(self), "param": self.param.SerializeToString()}

    def __setstate__(self, state):
        vars(self).update(state, param=SolverParameter.FromString(state["param"]))

    def build(self, rank):
        if rank == self.fails_to_build:
            raise SolverError("no place to build on")
        solver = Solver(follower(self.param) if rank else self.param, self.device())
        follow(solver, self.param)
        if self.record:
            solver.callbacks.append(Record(self.record, rank))
        if rank == self.fails[0]:
            solver.callbacks.append(Fail(self.fails[1]))
        return solver

    def device(self):
        return cpu()

    def join(self, links, solver):
        return HostCommunicator(links)
