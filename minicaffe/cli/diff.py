"""``minicaffe diff``: what differs between two files of weights, layer by layer.

As ``diff`` does, it exits with 0 where nothing differs, 1 where something does, 2 after an error.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from minicaffe.errors import MinicaffeError

if TYPE_CHECKING:
    from minicaffe.weights_diff import LayerDiff

EPILOG = """\
examples:
  minicaffe diff lenet_iter_5000.caffemodel lenet_iter_10000.caffemodel
  minicaffe diff before.caffemodel after.caffemodel.h5 --tolerance 1e-6

exit code: 0 where no layer differs, 1 where one does, 2 after an error.
"""


HEADS = ("layer", "blob", "shape", "changed", "max |diff|", "relative L2", "zeros")


class DiffError(MinicaffeError):
    """An error, told from a difference by its exit code."""

    exit_code: ClassVar[int] = 2


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "diff",
        help="show what differs between two files of weights",
        description="Compare the parameters in two files, layer by layer; formats may differ.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("one", metavar="A", help="a .caffemodel or .caffemodel.h5")
    parser.add_argument("other", metavar="B", help="another")
    parser.add_argument(
        "--tolerance",
        type=_distance,
        default=0.0,
        metavar="T",
        help="count values at most T apart as equal (default: 0)",
    )
    parser.add_argument("--all", action="store_true", help="show layers that do not differ too")


def run(args: argparse.Namespace) -> int:
    """Print the differences."""
    from rich.console import Console

    from minicaffe.columns import columns
    from minicaffe.weights_diff import diff_weights

    try:
        layers = list(diff_weights(args.one, args.other, tolerance=args.tolerance))
    except MinicaffeError as error:
        raise DiffError(str(error)) from error
    different = [layer for layer in layers if not layer.is_equal]
    lines: list[str] = []
    if shown := layers if args.all else different:
        rows = [row for layer in shown for row in _rows(layer)]
        lines += columns([HEADS, *rows], right=range(3, 7))
    lines.append(f"{len(different)} of {len(layers)} layers differ")
    console = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
    console.print("\n".join(lines))
    return 1 if different else 0


def _rows(layer: LayerDiff) -> Iterator[tuple[str, ...]]:
    for note in layer.notes:
        yield layer.name, note
    for blob in layer.blobs:
        changed = f"{blob.changed} ({blob.changed / max(1, prod(blob.shape)):.1%})"
        yield (
            layer.name,
            str(blob.index),
            str(blob.shape),
            changed if blob.changed else "0",
            f"{blob.max_abs:.4g}",
            f"{blob.relative:.4g}",
            " -> ".join(dict.fromkeys(f"{share:.1%}" for share in blob.zeros)),
        )
    if not layer.notes and not layer.blobs:
        yield layer.name, "no parameters"


def _distance(text: str) -> float:
    """``text`` as a number from 0 up, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a number from 0 up")
    return value
