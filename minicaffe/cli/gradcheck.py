"""``minicaffe gradcheck``: compare every gradient of a net with differences."""

from __future__ import annotations

import argparse
from typing import Any

from minicaffe.cli import _flags

EPILOG = """\
Every layer is checked by itself in float64, on the data that reaches it in the net: what its
backward says, against central differences of its forward. Input layers get random values; data
layers read their data.

examples:
  minicaffe gradcheck models/lenet/lenet_deploy.prototxt
  minicaffe gradcheck net.prototxt --layer conv1 --samples 200
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "gradcheck",
        help="check the gradients of a net's layers",
        description="Compare every gradient of a net with differences, and print a table.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _flags.add_definition(parser, "model", "the net's definition, a prototxt")
    parser.add_argument("--layer", metavar="NAME", help="check this layer alone")
    parser.add_argument(
        "--samples",
        type=_flags.positive,
        default=20,
        metavar="N",
        help="elements of each blob to compare (default: 20)",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=1e-5,
        metavar="E",
        help="largest error allowed, relative to the gradient (default: 1e-5)",
    )
    parser.add_argument("--phase", choices=["TRAIN", "TEST"], default="TRAIN")
    _flags.add_state(parser)
    _flags.add_machine(parser)
    parser.set_defaults(quiet=True)  # the table is the output


def run(args: argparse.Namespace) -> int:
    """Print the table; 1 where a gradient is wrong."""
    path = _flags.definition(args, "model")

    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from minicaffe.cli._device import device_for
    from minicaffe.gradcheck import check_net
    from minicaffe.net import Net, closing
    from minicaffe.proto.minicaffe_pb2 import NetState
    from minicaffe.proto.text import read_net

    definition = read_net(path, phase=args.phase)
    state = NetState(phase=args.phase)
    _flags.apply_state(args, state)
    net = Net(definition, state, device_for(args), np.float64)
    table = Table("layer", "type", "gradient for", title=f"{net.name or path}, {args.phase}")
    for column in ("compared", "largest error", "verdict"):
        table.add_column(column, justify="right")
    wrong = 0
    with closing(net):
        for result in check_net(
            net, only=args.layer, samples=args.samples, tolerance=args.tolerance
        ):
            if result.worst is None:
                table.add_row(result.layer, result.layer_type, "-", "", "", result.note)
                continue
            right = result.passes(args.tolerance)
            wrong += not right
            table.add_row(
                result.layer,
                result.layer_type,
                result.blob,
                str(result.checked),
                f"{result.worst.error:.1e}",
                "ok" if right else "[bold red]WRONG[/]",
            )
    Console().print(table)
    return 1 if wrong else 0
