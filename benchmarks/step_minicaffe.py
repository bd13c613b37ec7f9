"""The minicaffe side of step_time.py."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from step_protocol import serve

from minicaffe.buffers import share_data
from minicaffe.device import cpu
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import TEST, NetParameter, NetState, SolverParameter
from minicaffe.solver import Solver


def fill(net, arrays):
    """Give the inputs and the parameters the values that both sides start from."""
    for name in net.inputs:
        net.blobs[name].data[...] = arrays[f"blob/{name}"]
    for step in net.steps:
        for index, blob in enumerate(step.layer.blobs):
            blob.data[...] = arrays[f"{step.name}/{index}"]


def prepare(job):
    """The function that does one step, and returns the loss where there is one."""
    definition = NetParameter.FromString(bytes.fromhex(job["net"]))
    arrays = np.load(job["arrays"])
    if job["phase"] == "TEST":
        net = Net(definition, NetState(phase=TEST), cpu(job["seed"]))
        fill(net, arrays)

        share_data(net)

        def infer():
            net.forward()
            return float(np.square(net.steps[-1].top[0].data).sum())

        return infer
    solver = Solver(
        SolverParameter(
            net_param=definition,
            base_lr=job["lr"],
            lr_policy="fixed",
            momentum=job["momentum"],
            weight_decay=job["decay"],
            random_seed=job["seed"],
            max_iter=1 << 30,
            snapshot_after_train=False,
        )
    )
    fill(solver.net, arrays)
    solver.update_early()

    def train():
        solver.step(1)
        return solver.losses[-1]

    return train


if __name__ == "__main__":
    serve(prepare, f"minicaffe {version('minicaffe')}")
