"""``minicaffe summary``: a net's layers, shapes, parameters, multiply-adds and memory."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicaffe import __version__
from minicaffe.cli import _flags
from minicaffe.errors import MinicaffeError

if TYPE_CHECKING:
    from minicaffe.summary import Check, Summary

EPILOG = """\
Nothing is run and no parameter is filled. Multiply-adds are those of products with weights
(convolution, inner product, recurrent), as papers count them; biases and all that is done
element by element are 0. Memory is that of blobs, in float32: data of the tops, their gradients
as far as training needs them, and parameters; what layers keep for themselves is not in it.

Data layers are shown with the shapes of their data; where it is missing, with those that the
definition implies (batch_size, crop_size, 3 channels), or that --input gives.

examples:
  minicaffe summary models/lenet/lenet_deploy.prototxt
  minicaffe summary train_val.prototxt --phase TRAIN --input data:32,3,227,227
  minicaffe summary deploy.prototxt --weights net.caffemodel --json -
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "summary",
        help="show a net's layers, parameters, multiply-adds and memory",
        description="Print a table of a net's layers: output shapes, parameters, "
        "multiply-adds, memory;\nwith weights, what they have for each.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _flags.add_definition(parser, "model", "the net's definition, a prototxt")
    parser.add_argument("--weights", metavar="FILE", help="weights to compare with the net")
    _flags.add_input(parser)
    parser.add_argument(
        "--phase", type=str.upper, choices=["TRAIN", "TEST"], default="TEST", help="default: TEST"
    )
    _flags.add_state(parser)
    parser.add_argument("--all", action="store_true", help="show the splits that the net puts in")
    parser.add_argument("--json", metavar="FILE", help="write JSON to FILE as well; - for stdout")
    parser.set_defaults(quiet=True)  # the table is the output


def run(args: argparse.Namespace) -> int:
    """Print the table; 1 where weights do not fit."""
    path = _flags.definition(args, "model")

    from minicaffe.cli._summary_table import show
    from minicaffe.proto.definition import read_definition
    from minicaffe.proto.minicaffe_pb2 import NetState
    from minicaffe.summary import check_weights, summarize

    inputs = _flags.input_shapes(args)
    definition = read_definition(path, phase=args.phase)
    state = NetState(phase=args.phase)
    _flags.apply_state(args, state)
    summary = summarize(definition, state, inputs)
    check = check_weights(summary, args.weights) if args.weights else None
    if args.json:
        _write(args.json, _report(summary, check, every=args.all))
    if args.json != "-":
        title = f"{summary.name or path}, {args.phase} phase"
        show(summary, check, every=args.all, title=title)
    return 1 if summary.misfits else 0


def _report(summary: Summary, check: Check | None, *, every: bool) -> dict[str, Any]:
    """What ``--json`` writes: the table's numbers, bytes as such."""
    sums = ("data", "diffs", "parameter_data", "parameter_diffs")
    report: dict[str, Any] = {
        "minicaffe": __version__,
        "net": summary.name,
        "phase": summary.phase,
        "dtype": summary.dtype,
        "inputs": dict(summary.sources),
        "batch": summary.batch,
        "parameters": summary.total("parameters"),
        "multiply_adds": summary.total("multiply_adds"),
        "bytes": {name: summary.total(name) for name in sums},
        "guessed": summary.guessed,
    }
    if check:
        report["weights"] = {
            "file": check.path,
            "kind": check.kind,
            "unused": check.unused,
            "fits": not summary.misfits,
        }
    rows = summary.rows if every else summary.without_splits()
    report["layers"] = [
        {
            "name": row.name,
            "type": row.type,
            "tops": dict(row.tops),
            "blobs": row.blobs,
            "parameters": row.parameters,
            "shared_parameters": row.shared,
            "multiply_adds": row.multiply_adds,
            "in_place": row.in_place,
            "bytes": {name: getattr(row, name) for name in sums},
            **({"weights": asdict(row.weights)} if row.weights else {}),
        }
        for row in rows
    ]
    return report


def _write(path: str, report: dict[str, Any]) -> None:
    text = json.dumps(report, indent=2) + "\n"
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise MinicaffeError(f"cannot write {path}: {error.strerror}") from error
