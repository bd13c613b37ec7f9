"""``minicaffe plan``: how a net is run."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicaffe.cli import _flags
from minicaffe.errors import MinicaffeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minicaffe.plan import Plan, PlannedTop

EPILOG = """\
Layers in one row run as one, since no blob with a name lies between them. Data and gradient say
where in one memory they lie, in MiB; "-" is memory of its own, or none. Blobs lie in one place
where none is needed while the other is. Commands run nets so; in Python, where any blob may be
looked at, every one has memory of its own.

examples:
  minicaffe plan train_val.prototxt
  minicaffe plan deploy.prototxt --phase TEST --json -
  minicaffe plan train_val.prototxt -gpu 0
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "plan",
        help="show which layers run as one, by which bodies, and which blobs share memory",
        description="Show how a net is run: which layers as one, by which bodies, and which blobs "
        "in one memory.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _flags.add_definition(parser, "model", "the net's definition")
    _flags.add_input(parser)
    parser.add_argument(
        "--phase", type=str.upper, choices=["TRAIN", "TEST"], default="TRAIN", help="default: TRAIN"
    )
    _flags.add_state(parser)
    parser.add_argument(
        "--gpu",
        metavar="ID",
        help="show what runs on this GPU: which plan of cuDNN's, once training or a test there "
        "has chosen it; else the CPU",
    )
    _flags.add_precision(parser)
    parser.add_argument("--json", metavar="FILE", help="write JSON to FILE as well; - for stdout")
    parser.set_defaults(quiet=True)  # the table is the output


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    path = _flags.definition(args, "model")

    from minicaffe.cli._device import device_for
    from minicaffe.plan import plan
    from minicaffe.proto.minicaffe_pb2 import NetState
    from minicaffe.proto.text import read_net
    from minicaffe.summary import summarize

    definition = read_net(path, phase=args.phase)
    state = NetState(phase=args.phase)
    _flags.apply_state(args, state)
    found = plan(summarize(definition, state, _flags.input_shapes(args), device_for(args)).net)
    if args.json:
        _write(args.json, json.dumps(asdict(found), indent=2) + "\n")
    if args.json != "-":
        sys.stdout.write("\n".join(_lines(found)) + "\n")
    return 0


def _lines(found: Plan) -> Iterator[str]:
    from minicaffe.columns import columns
    from minicaffe.plan import bodies_text
    from minicaffe.summary import shape_text

    def tops(pick: str) -> Iterator[str]:
        for stage in found.stages:
            yield " ".join(_cell(top, pick) for top in stage.tops)

    rows = [["layers", "types", "output", "data", "gradient", "body"]]
    for stage, data, diff in zip(found.stages, tops("data"), tops("diff"), strict=True):
        shapes = " ".join(shape_text(top.shape) or "1" for top in stage.tops[:1])
        more = f" and {len(stage.tops) - 1} more" if len(stage.tops) > 1 else ""
        rows.append(
            [
                " + ".join(stage.layers),
                " + ".join(stage.types),
                shapes + more,
                data,
                diff,
                bodies_text(stage.bodies) or "-",
            ]
        )
    yield from columns(rows)
    several = sum(len(stage.layers) > 1 for stage in found.stages)
    layers = sum(len(stage.layers) for stage in found.stages)
    yield ""
    yield f"{layers} layers in {len(found.stages)} stages, {several} of several that run as one"
    if found.arena:
        whole = (found.arena + found.saved) / 2**20
        yield f"memory of blobs: {found.arena / 2**20:.2f} MiB, {whole:.2f} if each had its own"


def _cell(top: PlannedTop, pick: str) -> str:
    place: int | None = getattr(top, pick)
    return "-" if place is None else f"{place / 2**20:.2f}"


def _write(path: str, text: str) -> None:
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise MinicaffeError(f"{path}: cannot be written: {error.strerror}") from error
