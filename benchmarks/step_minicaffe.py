"""The minicaffe side of step_time.py."""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib.metadata import version

import numpy as np

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


def step_of(job):
    """The function that does one step, and returns its loss."""
    definition = NetParameter.FromString(bytes.fromhex(job["net"]))
    arrays = np.load(job["arrays"])
    if job["phase"] == "TEST":
        net = Net(definition, NetState(phase=TEST), cpu(job["seed"]))
        fill(net, arrays)
        return net.forward
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

    def train():
        solver.step(1)
        return solver.losses[-1]

    return train


def main():
    """Take a job, then commands, on stdin; answer each with one line of JSON."""
    job = json.loads(sys.stdin.readline())
    at_start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step = step_of(job)
    print(json.dumps({"version": f"minicaffe {version('minicaffe')}"}), flush=True)
    for line in sys.stdin:
        seconds, value = [], None
        for _ in range(int(line)):
            before = time.perf_counter()
            value = step()
            seconds.append(time.perf_counter() - before)
        answer = {
            "seconds": seconds,
            "loss": float(value),
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "at_start": at_start,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
