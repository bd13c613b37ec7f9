"""What does ``net.forward()`` of the pycaffe API add to the time of the layers themselves?

    python benchmarks/forward_overhead.py [NET.prototxt ...] [--rounds 4000]

Every layer's ``forward`` is replaced by one that does nothing, so that only the way there is
timed; the ways take turns, and medians are shown, in microseconds. The time of calling those
empty forwards one after the other is taken off the others. Inputs given as arrays are copied into
the net, as pycaffe does; the time of that copy alone is shown beside.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter

import numpy as np

import minicaffe
from minicaffe.fusion import Fusion

NETS = Path(__file__).parent / "nets"


def nothing(*blobs: object) -> None:
    """The forward of a layer, or of several that are one, that leaves everything as it is."""


def medians(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of each of ``ways``, which take turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            begin = perf_counter()
            way()
            times[name].append(perf_counter() - begin)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def measure(path: Path, rounds: int) -> tuple[int, dict[str, float]]:
    """How many layers the net in ``path`` has, and the seconds of each way."""
    net = minicaffe.Net(path, minicaffe.TEST)
    for name in net.inputs:
        net.blobs[name].reshape(1, *net.blobs[name].shape[1:])
    net.reshape()
    given = {name: np.zeros(net.blobs[name].shape, np.float32) for name in net.inputs}
    bare = []
    for stage in net.engine.stages:
        if isinstance(stage, Fusion):
            stage.run = nothing
            bare.append((stage.run, ()))
        for step in stage.steps:
            step.layer.forward = nothing
            if not isinstance(stage, Fusion):
                bare.append((step.layer.forward, (step.bottom, step.top)))

    def layers() -> None:
        for run, args in bare:
            run(*args)

    def copy() -> None:
        for name, array in given.items():
            net.blobs[name].data[...] = array

    ways = {
        "layers": layers,
        "copy": copy,
        "engine": net.engine.forward,
        "forward()": net.forward,
        "forward(data=x)": lambda: net.forward(**given),
    }
    return len(net.layers), medians(ways, rounds)


def main() -> None:
    """Print a table of what is added, in microseconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = ("lenet", "alexnet", "vgg16", "googlenet", "mobilenet", "resnet50")
    parser.add_argument(
        "nets", nargs="*", type=Path, default=[NETS / f"{n}.prototxt" for n in names]
    )
    parser.add_argument("--rounds", type=int, default=2000)
    args = parser.parse_args()
    print(
        f"{'net':16}{'layers':>7}{'engine':>9}{'forward()':>11}{'forward(data=x)':>17}{'copy':>8}"
    )
    for path in args.nets:
        count, seconds = measure(path, args.rounds)
        own = seconds.pop("layers")
        us = {name: 1e6 * (value - own) for name, value in seconds.items()}
        us["copy"] = 1e6 * seconds["copy"]
        print(
            f"{path.stem:16}{count:7}{us['engine']:9.1f}{us['forward()']:11.1f}"
            f"{us['forward(data=x)']:17.1f}{us['copy']:8.1f}"
        )


if __name__ == "__main__":
    main()
