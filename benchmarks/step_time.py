"""How long does a step take, and how much memory, against the same net in PyTorch?

    python benchmarks/step_time.py benchmarks/nets/*.prototxt
    python benchmarks/step_time.py NET.prototxt --phase TEST --peer-python /other/bin/python

Times a training step (forward, backward, update) or, with ``--phase TEST``, a forward pass of any
definition, and of the same net in PyTorch: same machine, same threads, same batch, same first
weights, in turns of a few steps, the other process asleep meanwhile. Both medians, their ratio
and the peak memory of both processes are printed. Layers that read data are replaced by random
blobs, whose shapes ``--shape`` gives.

PyTorch is needed by this script alone (``pip install torch==2.13.0``), in this environment or in
that of ``--peer-python``; without it ``--alone`` times minicaffe.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from step_translate import describe, sources

from minicaffe.device import cpu
from minicaffe.errors import MinicaffeError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter, NetState, Phase
from minicaffe.proto.text import read_net

HERE = Path(__file__).parent
PAUSE = 0.25  # s between two turns: the workers of the one that ran stop spinning
TURN = 0.1  # s that a turn takes, roughly, where the steps are short
SEED = 1701
PEERS: dict[str, tuple[str, dict[str, Any]]] = {
    "torch": ("step_torch.py", {}),
    "compile": ("step_torch.py", {"compile": True}),
    "onnx": ("step_onnx.py", {}),
}
HINT = (
    "\nif PyTorch is missing: pip install torch==2.13.0 here, or name an interpreter that has it "
    "with --peer-python, or give --alone"
)


class Worker:
    """A process that steps when told to."""

    def __init__(self, python: str, script: str, job: dict[str, Any]) -> None:
        threads = str(job["threads"])
        names = ("OMP", "MKL", "OPENBLAS", "NUMBA")
        env = {**os.environ, **{f"{name}_NUM_THREADS": threads for name in names}}
        pipe = subprocess.PIPE
        self.command = [python, str(HERE / script)]
        self.process = subprocess.Popen(self.command, stdin=pipe, stdout=pipe, text=True, env=env)
        self.times: list[float] = []
        self.version = self._ask(json.dumps(job))["version"]
        self.last: dict[str, Any] = self._ask("1")
        self.first_loss: float | None = self.last["loss"]

    def turn(self, steps: int, *, keep: bool) -> None:
        """One step that brings its arrays back into the caches, then ``steps`` that count."""
        self._ask("1")
        self.last = self._ask(str(steps))
        if keep:
            self.times += self.last["seconds"]

    def _ask(self, line: str) -> dict[str, Any]:
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the worker has no pipes")
        try:
            stdin.write(line + "\n")
            stdin.flush()
            answer: dict[str, Any] = json.loads(stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            raise SystemExit(f"{' '.join(self.command)} failed, see above{HINT}") from None
        return answer

    def close(self) -> None:
        """End the process."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


def replace_data(net: NetParameter, shapes: dict[str, list[int]], phase: Phase) -> NetParameter:
    """``net`` with Input layers in place of those that read data."""
    result = NetParameter()
    result.CopyFrom(net)
    for layer in result.layer:
        included = not layer.include or any(
            not rule.HasField("phase") or rule.phase == phase for rule in layer.include
        )
        if layer.bottom or layer.type in ("Input", "DummyData") or not included:
            continue
        missing = [top for top in layer.top if top not in shapes]
        if missing:
            raise SystemExit(
                f"layer {layer.name!r} reads data: say with --shape {missing[0]}=N,C,H,W "
                "what takes its place"
            )
        layer.type = "Input"
        del layer.input_param.shape[:]
        for top in layer.top:
            layer.input_param.shape.add().dim.extend(shapes[top])
    return result


def arrays_of(net: Net) -> dict[str, np.ndarray[Any, Any]]:
    """The net's parameters, and random values for its inputs: labels where a loss wants them."""
    rng = np.random.default_rng(SEED)
    arrays = {
        f"{step.name}/{index}": blob.data
        for step in net.steps
        for index, blob in enumerate(step.layer.blobs)
    }
    for step in net.steps:
        if step.layer.type == "BatchNorm":  # as PyTorch starts: variance 1, counted once
            for index in (1, 2):
                arrays[f"{step.name}/{index}"] = np.ones_like(arrays[f"{step.name}/{index}"])
    classes, source = {}, sources(net)
    for step in net.steps:
        if step.layer.type in ("SoftmaxWithLoss", "Accuracy"):
            label = step.bottom_names[1]
            classes[source.get(label, label)] = step.bottom[0].shape[1]
    for name in net.inputs:
        shape = net.blobs[name].shape
        if name in classes:
            values = rng.integers(0, classes[name], shape)
        else:
            values = rng.standard_normal(shape)
        arrays[f"blob/{name}"] = values.astype(np.float32)
    return arrays


@contextmanager
def workers(path: str, args: argparse.Namespace) -> Iterator[list[Worker]]:
    """Both sides, with one step done; the peer is missing with ``--alone``."""
    phase = Phase.Value(args.phase)
    shapes = {name: [int(dim) for dim in dims.split(",")] for name, dims in args.shape}
    definition = replace_data(read_net(path), shapes, phase)
    net = Net(definition, NetState(phase=phase), cpu(SEED))
    with tempfile.TemporaryDirectory() as folder:
        arrays = str(Path(folder, "arrays.npz"))
        np.savez(arrays, **arrays_of(net))
        job = {
            "arrays": arrays,
            "inputs": net.inputs,
            "phase": args.phase,
            "threads": args.threads,
            "seed": SEED,
            "lr": 0.001,
            "momentum": 0.9,
            "decay": 0.0005,
        }
        mine = {**job, "net": definition.SerializeToString().hex()}
        found = [Worker(sys.executable, "step_minicaffe.py", mine)]
        try:
            if not args.alone:
                peer = {**job, "layers": describe(net)}
                for name in ["torch", *args.also]:
                    script, options = PEERS[name]
                    found.append(Worker(args.peer_python, script, {**peer, **options}))
            yield found
        finally:
            for worker in found:
                worker.close()


def measure(found: list[Worker], repeat: int) -> None:
    """``repeat`` turns of each worker, alternating, after two that do not count."""
    steps = 3
    for turn in range(-2, repeat):
        for worker in found:
            worker.turn(steps, keep=turn >= 0)
            time.sleep(PAUSE)
        if turn < 0:
            slower = max(min(worker.last["seconds"]) for worker in found)
            steps = max(1, min(10, round(TURN / slower)))


def report(path: str, args: argparse.Namespace, found: list[Worker]) -> dict[str, Any]:
    """What was measured; times in ms, memory in MiB."""
    sides = [
        {
            "name": worker.version,
            "median": median(worker.times) * 1e3,
            "fastest": min(worker.times) * 1e3,
            "steps": len(worker.times),
            "first_loss": worker.first_loss,
            "peak": worker.last["peak_kib"] / 1024,
        }
        for worker in found
    ]
    losses = [worker.first_loss for worker in found]
    result: dict[str, Any] = {
        "net": path,
        "phase": args.phase,
        "threads": args.threads,
        "sides": sides,
    }
    if len(sides) > 1:
        best = min(sides[1:], key=lambda side: side["median"])
        result["best_peer"] = best["name"]
        result["ratio"] = sides[0]["median"] / best["median"]
        result["ratio_of_fastest"] = sides[0]["fastest"] / min(s["fastest"] for s in sides[1:])
        result["ratio_of_memory"] = sides[0]["peak"] / sides[1]["peak"]
        result["same_loss"] = all(np.allclose(losses[0], loss, rtol=1e-3) for loss in losses)
    return result


def show(result: dict[str, Any]) -> None:
    """``report``, for people."""
    what = "training step" if result["phase"] == "TRAIN" else "inference"
    print(f"{result['net']}: {what}, {result['threads']} threads")
    print(f"{'':24}{'median':>10}{'fastest':>10}{'steps':>7}{'peak':>10}{'loss':>9}")
    for side in result["sides"]:
        loss = "" if side["first_loss"] is None else f"{side['first_loss']:.4f}"
        print(
            f"{side['name']:24}{side['median']:7.2f} ms{side['fastest']:7.2f} ms{side['steps']:7}"
            f"{side['peak']:6.0f} MiB{loss:>9}"
        )
    if "ratio" in result:
        fastest = result["ratio_of_fastest"]
        print(
            f"ratio to {result['best_peer']} {result['ratio']:.2f} (of the fastest steps "
            f"{fastest:.2f}), memory to PyTorch's {result['ratio_of_memory']:.2f}"
        )
        if result["same_loss"] is False:
            print("the first losses differ: dropout, or not the same net")


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("net", nargs="+", help="definition of a net")
    parser.add_argument("--phase", choices=("TRAIN", "TEST"), default="TRAIN")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=9, help="turns that count, at least 7")
    parser.add_argument(
        "--shape",
        action="append",
        default=[],
        type=lambda text: tuple(text.split("=", 1)),
        metavar="TOP=N,C,H,W",
        help="of a blob that a data layer would make",
    )
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter with PyTorch")
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        choices=("compile", "onnx"),
        help="measure torch.compile, or ONNX Runtime's inference, too",
    )
    parser.add_argument("--alone", action="store_true", help="without PyTorch")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if "onnx" in args.also and args.phase == "TRAIN":
        parser.error("--also onnx: inference alone, with --phase TEST")
    if args.repeat < 7:
        parser.error("--repeat: a median of fewer than 7 says little")
    results = []
    for path in args.net:
        try:
            with workers(path, args) as found:
                measure(found, args.repeat)
                results.append(report(path, args, found))
        except MinicaffeError as error:
            raise SystemExit(str(error)) from None
        if not args.json:
            show(results[-1])
    if args.json:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
