"""``minicaffe train``: train what a solver definition says.

After: tools/caffe.cpp (train). Differences: ``-level`` replaces the level of ``train_state``
only where it is given (the original always does, with 0), and no empty stage is added where
``-stage`` is not given.
"""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicaffe import glog
from minicaffe.cli import _flags
from minicaffe.cli._output import stderr_handler
from minicaffe.errors import MinicaffeError, WeightsError

if TYPE_CHECKING:
    from minicaffe.proto.minicaffe_pb2 import SolverParameter
    from minicaffe.solver import Solver

EPILOG = """\
examples:
  minicaffe train models/lenet/solver.prototxt
  minicaffe train solver.prototxt -weights pretrained.caffemodel             (fine-tune)
  minicaffe train solver.prototxt -snapshot prefix_iter_5000.solverstate     (go on from there)
  minicaffe train solver.prototxt -gpu 0,1    (or all: each its own batches, gradients averaged)

signals: SIGINT (Ctrl-C) and SIGTERM finish the iteration, write a snapshot and exit with
code 0; a second one ends at once. SIGHUP writes a snapshot and goes on.
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "train",
        help="train a net, or fine-tune one, or go on from a snapshot",
        description="Train a net as a solver definition says.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _flags.add_definition(parser, "solver", "the solver's definition, a prototxt")
    parser.add_argument(
        "--weights", metavar="F,G", help=".caffemodel files to start from, by layer name"
    )
    parser.add_argument("--snapshot", metavar="FILE", help=".solverstate to go on from")
    _flags.add_state(parser)
    for name, default in (("sigint", "stop"), ("sighup", "snapshot")):
        parser.add_argument(
            f"--{name}_effect",
            choices=["stop", "snapshot", "none"],
            default=default,
            help=f"what {name.upper()} does (default: {default})",
        )
    parser.add_argument("--seed", type=int, metavar="N", help="in place of random_seed")
    parser.add_argument("--cpu", action="store_true", help="whatever solver_mode says")
    _flags.add_machine(parser)
    _flags.add_precision(parser)


def run(args: argparse.Namespace) -> int:
    """Train."""
    path = _flags.definition(args, "solver")
    if args.cpu and args.gpu:
        raise MinicaffeError("--cpu and -gpu are given, expected one of them")
    _check_start(args)

    from minicaffe.cli._device import gpus_for
    from minicaffe.proto.text import read_solver

    param = read_solver(path)
    _override(param, args)
    with _training(args, param, gpus_for(args, param)) as solver:
        glog.info("caffe.cpp:239", "Starting Optimization")
        _optimize(solver, args)
        glog.info("caffe.cpp:250", "Optimization Done.")
    return 0


@contextmanager
def _training(
    args: argparse.Namespace, param: SolverParameter, gpus: list[int]
) -> Iterator[Solver]:
    """The solver, on the CPU, on a GPU or on several, where ``-snapshot`` says; closed after."""
    from minicaffe.cli._gpu_job import GpuJob

    def start(solver: Solver) -> None:
        if args.snapshot:
            solver.restore(args.snapshot)

    job = GpuJob(args, param.SerializeToString(), gpus)
    if job.size > 1:
        from minicaffe.parallel.launch import together

        with together(job, start) as solver:
            yield solver
        return
    solver = job.build(0)
    try:
        start(solver)
        yield solver
    finally:
        solver.close()


def _check_start(args: argparse.Namespace) -> None:
    """Refuse now what would fail after the nets have been built.

    Raises:
        WeightsError: a file of the other kind, or both kinds at once.
        PrototxtError: a file is missing.
    """
    if args.snapshot and args.weights:
        raise WeightsError(
            "-snapshot and -weights are given, expected one of them: a snapshot to go on from, "
            "or weights to start from"
        )
    for flag, other, value in (
        ("snapshot", "weights", args.snapshot),
        ("weights", "snapshot", args.weights),
    ):
        suffix = {"snapshot": ".solverstate", "weights": ".caffemodel"}
        for name in _flags.comma_list(value):
            if name.removesuffix(".h5").endswith(suffix[other]):
                fitting = name.replace(suffix[other], suffix[flag])
                beside = f"-{flag} {fitting}" if Path(fitting).is_file() else f"-{other} {name}"
                raise WeightsError(
                    f"-{flag} is {name}, a {suffix[other]}, expected a {suffix[flag]}: "
                    f"a {suffix['snapshot']} is what a run goes on from, a {suffix['weights']} "
                    f"what a new one starts from; did you mean {beside}?"
                )
            from minicaffe.proto.files import open_file

            open_file(name).close()


def _override(param: SolverParameter, args: argparse.Namespace) -> None:
    """Put what the flags say into ``param``."""
    _flags.apply_state(args, param.train_state)
    if args.seed is not None:
        param.random_seed = args.seed
    elif param.random_seed < 0:
        param.random_seed = secrets.randbits(31)  # so that the log says how to repeat this run
    if args.snapshot:
        del param.weights[:]
    if args.weights:
        param.weights[:] = _flags.comma_list(args.weights)


def _optimize(solver: Solver, args: argparse.Namespace) -> None:
    from minicaffe.cli._signals import SignalRequests

    handler = stderr_handler()
    with SignalRequests(sigint=args.sigint_effect, sighup=args.sighup_effect) as requests:
        solver.poll = requests.poll
        live: Any = nullcontext()
        if handler is not None and handler.stream.isatty():
            from minicaffe.cli._progress import bar

            live = bar(solver, requests, handler)
        with live:
            solver.solve()
