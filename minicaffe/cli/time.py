"""``minicaffe time``: how long each layer of a net takes, forward and backward.

After: tools/caffe.cpp (time). Differences: the gradients are cleared before each iteration, and
the totals are sums of the iterations' times, without what the log takes; how long the forward
pass waited for data is shown, and in how many iterations; ``--json``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from minicaffe import __version__, glog
from minicaffe.cli import _flags
from minicaffe.errors import MinicaffeError

if TYPE_CHECKING:
    from minicaffe.net import Net


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "time",
        help="time a net, layer by layer",
        description="Time the forward and backward pass of a net and of each of its layers.",
        epilog="example: minicaffe time -model net.prototxt -iterations 10 --json times.json",
    )
    _flags.add_model(parser)
    parser.add_argument(
        "--phase", choices=["TRAIN", "TEST"], default="TRAIN", help="default: TRAIN"
    )
    _flags.add_state(parser)
    parser.add_argument("--json", metavar="FILE", help="write the times to FILE as well")
    _flags.add_machine(parser)
    _flags.add_precision(parser)


@dataclass
class Times:
    """Milliseconds, one entry an iteration; for each layer, the sum over the iterations.

    Attributes:
        layers_forward, layers_backward: of each layer.
        layers_waiting: what of its forward pass a layer that reads ahead waited; None for others.
        forward, backward: of each iteration.
        waiting: of each iteration, what all layers together waited for data.
    """

    layers_forward: list[float]
    layers_backward: list[float]
    layers_waiting: list[float | None] = field(default_factory=list)
    forward: list[float] = field(default_factory=list)
    backward: list[float] = field(default_factory=list)
    waiting: list[float] = field(default_factory=list)


def run(args: argparse.Namespace) -> int:
    """Time."""
    path = _flags.definition(args, "model")
    if args.json:
        _write(args.json, {})  # not after the work is done

    from minicaffe.buffers import share_diffs
    from minicaffe.cli._device import device_for
    from minicaffe.net import Net, closing
    from minicaffe.proto.minicaffe_pb2 import TEST, TRAIN
    from minicaffe.proto.text import read_net

    definition = read_net(path, phase=args.phase)
    definition.state.phase = TEST if args.phase == "TEST" else TRAIN
    _flags.apply_state(args, definition.state)
    device = device_for(args, where="caffe.cpp:351")
    _flags.use_threads(args.threads, deterministic=args.deterministic)
    net = Net(definition, definition.state, device)
    with closing(net):
        share_diffs(net)
        glog.info("caffe.cpp:360", "Performing Forward")
        glog.info("caffe.cpp:365", f"Initial loss: {glog.number(float(net.forward()))}")
        glog.info("caffe.cpp:366", "Performing Backward")
        net.backward()
        glog.info("caffe.cpp:374", "*** Benchmark begins ***")
        glog.info("caffe.cpp:375", f"Testing for {args.iterations} iterations.")
        times = _measure(net, args.iterations)
        report = _report(net, times, args)
    if args.json:
        _write(args.json, report)
    return 0


def _measure(net: Net, iterations: int) -> Times:
    count = len(net.steps)
    times = Times([0.0] * count, [0.0] * count)

    def timed(function: Callable[..., None], *args: Any) -> float:
        """Milliseconds that ``function`` takes, on the GPU until all of it is done."""
        start = perf_counter()
        function(*args)
        if net.device.index is not None:
            net.device.xp.cuda.get_current_stream().synchronize()
        return (perf_counter() - start) * 1e3

    def waited() -> list[float | None]:
        """Milliseconds that each layer has waited for data so far; None for one that never does."""
        seconds = [getattr(step.layer, "waited", None) for step in net.steps]
        return [None if each is None else each * 1e3 for each in seconds]

    begin = waited()
    for iteration in range(1, iterations + 1):
        net.clear_param_diffs()
        before = _sum(waited())
        start = perf_counter()
        for index, step in enumerate(net.steps):
            times.layers_forward[index] += timed(step.layer.run_forward, step.bottom, step.top)
        middle = perf_counter()
        for index, step in reversed(list(enumerate(net.steps))):
            if step.needs_backward:
                times.layers_backward[index] += timed(
                    step.layer.run_backward, step.top, step.propagate_down, step.bottom
                )
        times.waiting.append(_sum(waited()) - before)
        times.forward.append((middle - start) * 1e3)
        times.backward.append((perf_counter() - middle) * 1e3)
        both = glog.number(times.forward[-1] + times.backward[-1])
        glog.info("caffe.cpp:403", f"Iteration: {iteration} forward-backward time: {both} ms.")
    times.layers_waiting = [
        None if first is None or last is None else last - first
        for first, last in zip(begin, waited(), strict=True)
    ]
    return times


def _sum(milliseconds: list[float | None]) -> float:
    return sum(each for each in milliseconds if each is not None)


def _report(net: Net, times: Times, args: argparse.Namespace) -> dict[str, Any]:
    """Log the means; returns them, as ``--json`` writes them."""
    iterations = len(times.forward)
    layers: list[dict[str, Any]] = [
        {
            "name": step.name,
            "type": step.layer.type,
            "forward_ms": forward / iterations,
            "backward_ms": backward / iterations,
            **({} if waiting is None else {"waiting_ms": waiting / iterations}),
        }
        for step, forward, backward, waiting in zip(
            net.steps,
            times.layers_forward,
            times.layers_backward,
            times.layers_waiting,
            strict=True,
        )
    ]
    glog.info("caffe.cpp:406", "Average time per layer: ")
    for layer in layers:
        for direction, where in (("forward", "caffe.cpp:409"), ("backward", "caffe.cpp:412")):
            mean = glog.number(layer[f"{direction}_ms"])
            glog.info(where, f"{layer['name']:>10}\t{direction}: {mean} ms.")
    total = sum(times.forward) + sum(times.backward)
    means = {
        "forward_ms": sum(times.forward) / iterations,
        "backward_ms": sum(times.backward) / iterations,
        "forward_backward_ms": total / iterations,
    }
    glog.info("caffe.cpp:417", f"Average Forward pass: {glog.number(means['forward_ms'])} ms.")
    glog.info("caffe.cpp:419", f"Average Backward pass: {glog.number(means['backward_ms'])} ms.")
    glog.info(
        "caffe.cpp:421",
        f"Average Forward-Backward: {glog.number(means['forward_backward_ms'])} ms.",
    )
    waiting = [layer["waiting_ms"] for layer in layers if "waiting_ms" in layer]
    if waiting:
        glog.info("caffe.cpp:421", f"Average waiting for data: {glog.number(sum(waiting))} ms.")
        late = sum(each > 0 for each in times.waiting)
        glog.info(
            "caffe.cpp:421",
            f"Waited for data in {late} of {iterations} iterations, "
            f"{glog.number(max(times.waiting))} ms at most.",
        )
    glog.info("caffe.cpp:423", f"Total Time: {glog.number(total)} ms.")
    glog.info("caffe.cpp:424", "*** Benchmark ends ***")
    return {
        "minicaffe": __version__,
        "net": net.name,
        "phase": args.phase,
        "device": "CPU" if net.device.index is None else f"GPU {net.device.index}",
        "iterations": iterations,
        **means,
        "total_ms": total,
        **({"waiting_ms": times.waiting} if waiting else {}),
        "iteration_ms": [f + b for f, b in zip(times.forward, times.backward, strict=True)],
        "layers": layers,
    }


def _write(path: str, report: dict[str, Any]) -> None:
    try:
        Path(path).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise MinicaffeError(f"cannot write {path}: {error.strerror}") from error
