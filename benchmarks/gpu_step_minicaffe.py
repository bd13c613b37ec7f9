"""The minicaffe side of gpu_step_time.py."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from gpu_step_protocol import WallClock, serve
from step_minicaffe import fill

from minicaffe.buffers import share_all, share_data
from minicaffe.device import Device, cpu
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import TEST, NetParameter, NetState, SolverParameter
from minicaffe.solver import Solver


def counter(cupy):
    """Counts what is taken from pools, whichever: a recorded step has one of its own."""

    class Counter(cupy.cuda.MemoryHook):
        name = "Counter"
        used = most = taken = 0

        def malloc_postprocess(self, *, mem_size, **rest):
            self.used += mem_size
            self.most = max(self.most, self.used)

        def free_postprocess(self, *, mem_size, **rest):
            self.used -= mem_size

        def alloc_postprocess(self, *, mem_size, **rest):
            self.taken += mem_size

    return Counter()


class Events:
    """A GPU's own time, and the most that arrays have taken."""

    counted = 3  # looks, after which nothing new is taken, and counting would cost time

    def __init__(self, cupy):
        self._cupy = cupy
        self._start, self._stop = cupy.cuda.Event(), cupy.cuda.Event()
        self._counter = counter(cupy)
        self._counter.__enter__()

    def begin(self):
        """From what is begun now on."""
        self._start.record()

    def end(self):
        """Seconds up to the end of what has been begun."""
        self._stop.record()
        self._stop.synchronize()
        return self._cupy.cuda.get_elapsed_time(self._start, self._stop) / 1e3

    def peak(self):
        """Bytes: the most that arrays took at once, and what pools have taken from the driver."""
        self.counted -= 1
        if self.counted == 0:
            self._counter.__exit__(None, None, None)
        return self._counter.most, self._counter.taken


def device_of(job):
    """The device to build on, and its clock."""
    if job["on"] == "cpu":
        return cpu(job["seed"]), WallClock()
    import cupy

    cupy.cuda.Device(0).use()
    rng = np.random.default_rng(job["seed"])
    return Device(cupy, 0, rng, precision=job["precision"]), Events(cupy)


def put(net, arrays):
    """``fill``, from the host to wherever ``net`` is."""
    asarray = net.device.xp.asarray
    fill(net, {name: asarray(arrays[name]) for name in arrays})


def prepare(job):
    """The version, the step and the clock."""
    name = f"minicaffe {version('minicaffe')}"
    device, clock = device_of(job)
    definition = NetParameter.FromString(bytes.fromhex(job["net"]))
    arrays = np.load(job["arrays"])
    if job["phase"] == "TEST":
        net = Net(definition, NetState(phase=TEST), device)
        put(net, arrays)
        share_data(net)
        top = net.steps[-1].top[0]

        def infer():
            net.forward()
            return (top.data * top.data).sum()

        return name, infer, clock
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
        ),
        device,
    )
    put(solver.net, arrays)
    share_all(solver.net)

    def train():
        solver.step(1)
        return solver.losses[-1]

    return name, train, clock


if __name__ == "__main__":
    serve(prepare)
