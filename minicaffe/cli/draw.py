"""``minicaffe draw``: a picture of a net.

After: python/draw_net.py, whose flags it takes. Differences: no Graphviz is needed; shapes are on
the edges; the picture goes from top to bottom unless ``--rankdir`` says otherwise.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from minicaffe.cli import _flags
from minicaffe.errors import MinicaffeError

EPILOG = """\
A box is a layer, with those that work in place on what it makes; an edge is a blob, with its
shape. To know the shapes, the net is built without data and memory; where that cannot be, the
picture says why, and --input may help. Without --phase, layers of both phases are drawn, and a
shape that differs between them reads 64|100x1x28x28.

The HTML picture pans and zooms, and a click on a layer shows its definition.

examples:
  minicaffe draw models/lenet/lenet_train_test.prototxt lenet.html
  minicaffe draw deploy.prototxt net.svg --rankdir LR
  minicaffe draw train_val.prototxt net.png --phase TRAIN --input data:32,3,227,227
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "draw",
        help="draw a net as SVG, PNG, DOT or HTML",
        description="Draw a net: its layers, coloured by kind, and the shapes of its blobs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("net", metavar="NET", help="the net's definition, or weights")
    parser.add_argument("out", metavar="OUT", help="the picture: .svg, .png, .dot or .html")
    parser.add_argument(
        "--rankdir",
        type=str.upper,
        choices=["TB", "BT", "LR", "RL"],
        default="TB",
        help="direction of the edges: top to bottom (default), ...",
    )
    parser.add_argument(
        "--phase",
        type=str.upper,
        choices=["TRAIN", "TEST", "ALL"],
        default="ALL",
        help="draw what is in this phase (default: ALL)",
    )
    parser.add_argument(
        "--lr-mult",
        "--display_lrm",
        action="store_true",
        dest="lr_mult",
        help="show how fast parameters learn",
    )
    parser.add_argument("--no-shapes", action="store_true", help="do not look for shapes")
    parser.add_argument(
        "--input",
        type=_flags.named_shape,
        action="append",
        default=[],
        metavar="NAME:N,C,H,W",
        help="shape of an input, or of what a data layer reads; once for each",
    )
    _flags.add_state(parser)
    _flags.add_lenient(parser)
    parser.set_defaults(quiet=True)  # the picture is the output


def run(args: argparse.Namespace) -> int:
    """Draw."""
    from minicaffe.drawing.net_graph import graph_of
    from minicaffe.drawing.write import check_format, save
    from minicaffe.proto.definition import read_definition
    from minicaffe.proto.minicaffe_pb2 import Phase

    if len(dict(args.input)) < len(args.input):
        raise MinicaffeError("--input names a blob twice, expected one shape for each")
    check_format(Path(args.out).suffix.removeprefix("."))
    _flags.apply_lenient(args)
    phase = None if args.phase == "ALL" else args.phase
    net = read_definition(args.net, phase=phase)
    if not net.name:
        net.name = Path(args.net).name
    graph = graph_of(
        net,
        None if phase is None else Phase.Value(phase),
        shapes=not args.no_shapes,
        lr_mult=args.lr_mult,
        level=args.level or 0,
        stages=_flags.comma_list(args.stage),
        inputs=dict(args.input),
    )
    save(graph, args.out, args.rankdir)
    lines = [f"{args.out}: {net.name}, {graph.subtitle}", *graph.notes]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0
