"""How long does a step take on a GPU, and how much memory, against the same net in PyTorch?

    python benchmarks/gpu_step_time.py --out gpu.md
    python benchmarks/gpu_step_time.py lenet resnet50:128 --precision tf32 --phase TRAIN
    python benchmarks/gpu_step_time.py lenet --on cpu          (a rehearsal, without a GPU)

Times a training step (forward, backward, update) and a forward pass of the nets of
``benchmarks/nets``, and of LeNet at batch 256 and ResNet-50 at 128, and of the same nets in
PyTorch: eager with ``cudnn.benchmark``, in both memory formats, and compiled. Same card, same run,
same precision, same first weights and batch, which lies on the card; in turns, whose time the
card's own events tell. Needs a machine with CuPy and PyTorch, and no network. A line is written as
soon as it is measured, so that a run that is cut off leaves what it had.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from step_time import HERE, SEED, Worker, arrays_of
from step_translate import describe

from minicaffe.device import cpu
from minicaffe.errors import DeviceError
from minicaffe.net import Net
from minicaffe.proto.minicaffe_pb2 import NetParameter, NetState, Phase
from minicaffe.proto.text import read_net

NETS = ("lenet", "lenet:256", "cifar10_quick", "alexnet", "googlenet", "squeezenet", "mobilenet")
NETS = (*NETS, "resnet50", "resnet50:128", "vgg16")
AIMS = {"lenet": 0.5, "cifar10_quick": 0.5}  # of eager PyTorch's time
AIM = 0.9
PEERS: dict[str, dict[str, Any]] = {
    "eager": {},
    "eager, channels_last": {"channels_last": True},
    "compile": {"compile": True},
}
TURN = 0.1  # s of steps in a turn, about
HEAD = (
    "| net | batch | | minicaffe ms | "
    + " | ".join(f"{peer} ms" for peer in PEERS)
    + " | ratio to eager | to the best | aim | MiB used | PyTorch's MiB | ratio | first losses |"
)


def definition_of(name: str) -> tuple[str, NetParameter]:
    """``name`` or ``name:batch``: what it is called, and the net at that batch."""
    stem, _, batch = name.partition(":")
    net = read_net(HERE / "nets" / f"{stem}.prototxt")
    for layer in net.layer:
        if layer.type == "Input" and batch:
            for shape in layer.input_param.shape:
                shape.dim[0] = int(batch)
    return stem, net


@contextmanager
def workers(definition: NetParameter, phase: str, args: argparse.Namespace) -> Iterator[Any]:
    """Name to worker, each with one step done; one that fails is left out, and named."""
    net = Net(definition, NetState(phase=Phase.Value(phase)), cpu(SEED))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        arrays = str(Path(folder, "arrays.npz"))
        np.savez(arrays, **arrays_of(net))
        job = {
            "arrays": arrays,
            "inputs": net.inputs,
            "phase": phase,
            "seed": SEED,
            "lr": 0.001,
            "momentum": 0.9,
            "decay": 0.0005,
            "threads": args.threads,
            "on": args.on,
            "precision": args.precision,
        }
        mine = {**job, "net": definition.SerializeToString().hex()}
        found = {"minicaffe": start(sys.executable, "gpu_step_minicaffe.py", mine, stack)}
        peer = {**job, "layers": describe(net)}
        net.close()
        for name, options in PEERS.items():
            if name in args.skip:
                continue
            try:
                found[name] = start(
                    args.peer_python, "gpu_step_torch.py", {**peer, **options}, stack
                )
            except SystemExit as error:
                print(f"left out: {error}", file=sys.stderr, flush=True)
        yield found


def start(python: str, script: str, job: dict[str, Any], stack: ExitStack) -> Worker:
    """A worker that ends with ``stack``."""
    worker = Worker(python, script, job)
    stack.callback(worker.close)
    return worker


def measure(found: dict[str, Worker], repeat: int) -> None:
    """``repeat`` turns of each worker, alternating, after two that do not count."""
    for turn in range(-2, repeat):
        for worker in found.values():
            steps = max(3, min(200, round(TURN / worker.last["seconds"][0]))) if turn >= 0 else 5
            worker.turn(steps, keep=turn >= 0)
            time.sleep(0.002)


def row(name: str, batch: int, phase: str, found: dict[str, Worker]) -> dict[str, Any]:
    """What was measured; times in ms, memory in MiB."""
    ms = {side: median(worker.times) * 1e3 for side, worker in found.items()}
    used = {side: worker.last["used"] / 2**20 for side, worker in found.items()}
    mine, peers = ms["minicaffe"], {side: ms[side] for side in PEERS if side in ms}
    losses = [worker.first_loss for worker in found.values()]
    eager = used.get("eager")
    return {
        "net": name,
        "batch": batch,
        "phase": phase,
        "ms": ms,
        "versions": {side: worker.version for side, worker in found.items()},
        "ratio_to_eager": mine / peers["eager"] if "eager" in peers else None,
        "ratio_to_best": mine / min(peers.values()) if peers else None,
        "aim": AIMS.get(name, AIM),
        "used": used,
        "taken": {side: worker.last["taken"] / 2**20 for side, worker in found.items()},
        "ratio_of_memory": used["minicaffe"] / eager if eager else None,
        "same_loss": all(np.allclose(losses[0], loss, rtol=1e-2) for loss in losses),
    }


def line(found: dict[str, Any]) -> str:
    """A row of the table."""

    def cell(value: float | None, form: str = ".2f") -> str:
        return "-" if value is None else format(value, form)

    used = found["used"]
    cells = [
        *(found["net"], str(found["batch"]), {"TRAIN": "step", "TEST": "forward"}[found["phase"]]),
        *(cell(found["ms"].get(side), ".3f") for side in ("minicaffe", *PEERS)),
        *(cell(found["ratio_to_eager"]), cell(found["ratio_to_best"]), f"{found['aim']:.1f}"),
        *(cell(used["minicaffe"], ".0f"), cell(used.get("eager"), ".0f")),
        cell(found["ratio_of_memory"]),
        "agree" if found["same_loss"] else "differ",
    ]
    return f"| {' | '.join(cells)} |"


def machine(on: str) -> str:
    """What it runs on."""
    if on == "cpu":
        return "a rehearsal on the CPU: its figures say nothing of a GPU"
    from minicaffe.gpus import count_gpus, dotted, gpu_name, use_gpu

    cupy, _ = count_gpus()
    use_gpu(cupy, 0)
    runtime = cupy.cuda.runtime
    return (
        f"{gpu_name(cupy, 0)}, driver CUDA {dotted(runtime.driverGetVersion())}, "
        f"CuPy {cupy.__version__} (CUDA {dotted(runtime.runtimeGetVersion())})"
    )


def main() -> None:
    """Parse the command line, measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("net", nargs="*", default=NETS, help="NAME or NAME:BATCH; default: all")
    parser.add_argument("--phase", choices=("TRAIN", "TEST"), action="append")
    parser.add_argument("--precision", choices=("fp32", "tf32", "bf16"), default="fp32")
    parser.add_argument("--repeat", type=int, default=9, help="turns that count, at least 7")
    parser.add_argument("--skip", choices=tuple(PEERS), action="append", default=[])
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter with PyTorch")
    parser.add_argument("--on", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--threads", type=int, default=4, help="of the host")
    parser.add_argument("--out", type=Path, help="write the table here, as markdown")
    parser.add_argument("--json", type=Path, help="append all that was measured here, a line each")
    args = parser.parse_args()
    if args.repeat < 7:
        parser.error("--repeat: a median of fewer than 7 says little")
    try:
        where = machine(args.on)
    except DeviceError as error:
        raise SystemExit(f"gpu_step_time: {error}; --on cpu rehearses without") from None
    rule = "|".join(["---"] * (HEAD.count("|") - 1))
    lines = [f"{where}; {args.precision}; medians of {args.repeat} turns", "", HEAD, f"|{rule}|"]
    print("\n".join(lines), flush=True)
    for name in args.net:
        for phase in args.phase or ("TRAIN", "TEST"):
            stem, definition = definition_of(name)
            batch = next(
                layer.input_param.shape[0].dim[0]
                for layer in definition.layer
                if layer.type == "Input"
            )
            with workers(definition, phase, args) as found:
                measure(found, args.repeat)
                result = row(stem, batch, phase, found)
            lines.append(line(result))
            print(lines[-1], flush=True)
            if args.out:
                args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
            if args.json:
                with args.json.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
