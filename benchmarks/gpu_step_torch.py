"""The PyTorch side of gpu_step_time.py: the net as a user would write it, eager or compiled.

Needs torch and numpy, and nothing of minicaffe: it may run in an environment of its own.
"""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import torch
from gpu_step_protocol import WallClock, serve
from step_torch import Net, load

if torch.cuda.is_available():
    torch.backends.cudnn.benchmark = True


class Events:
    """A GPU's own time, and PyTorch's allocator."""

    def __init__(self):
        self._start = torch.cuda.Event(enable_timing=True)
        self._stop = torch.cuda.Event(enable_timing=True)

    def begin(self):
        """From what is begun now on."""
        self._start.record()

    def end(self):
        """Seconds up to the end of what has been begun."""
        self._stop.record()
        self._stop.synchronize()
        return self._start.elapsed_time(self._stop) / 1e3

    def peak(self):
        """Bytes: the most that tensors took at once, and that was taken from the driver."""
        return torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()


def optimizer(net, job):
    """SGD with a group for each pair of rates, so that PyTorch updates many parameters at once."""
    groups = {}
    for spec, part in zip(net.layers, net.parts, strict=True):
        for parameter, rates in zip(part.parameters(), spec["mults"], strict=True):
            groups.setdefault(tuple(rates), []).append(parameter)
    return torch.optim.SGD(
        [
            {"params": found, "lr": job["lr"] * lr, "weight_decay": job["decay"] * decay}
            for (lr, decay), found in groups.items()
        ],
        lr=job["lr"],
        momentum=job["momentum"],
    )


def prepare(job):
    """The version, the step and the clock."""
    torch.manual_seed(job["seed"])
    on_gpu = job["on"] != "cpu"
    place = "cuda" if on_gpu else "cpu"
    tf32 = job["precision"] != "fp32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    cast = (
        (lambda: torch.autocast(place, torch.bfloat16))
        if job["precision"] == "bf16"
        else nullcontext
    )
    arrays = np.load(job["arrays"])
    net = Net(job["layers"])
    load(net, arrays)
    net.to(place)
    blobs = {name: torch.from_numpy(arrays[f"blob/{name}"]).to(place) for name in job["inputs"]}
    if job.get("channels_last"):
        net.to(memory_format=torch.channels_last)
        for name, blob in blobs.items():
            if blob.ndim == 4:
                blobs[name] = blob.to(memory_format=torch.channels_last)
    run = torch.compile(net) if job.get("compile") else net
    ways = [way for way in ("compile", "channels_last") if job.get(way)]
    name = " ".join([f"PyTorch {torch.__version__.partition('+')[0]}", *(ways or ["eager"])])
    clock = Events() if on_gpu else WallClock()
    if job["phase"] == "TEST":
        net.eval()

        def infer():
            with torch.no_grad(), cast():
                return run(blobs).float().square().sum()

        return name, infer, clock
    optimiser = optimizer(net, job)

    def train():
        optimiser.zero_grad()
        with cast():
            loss = run(blobs)
        loss.backward()
        optimiser.step()
        return loss.detach()

    return name, train, clock


if __name__ == "__main__":
    serve(prepare)
