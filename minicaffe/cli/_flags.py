"""Flags that several commands have, and what their values mean."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from minicaffe.errors import MinicaffeError
from minicaffe.precision import PRECISIONS

if TYPE_CHECKING:
    from minicaffe.proto.minicaffe_pb2 import NetState


def add_definition(parser: argparse.ArgumentParser, name: str, what: str) -> None:
    """Take a prototxt as an argument, and as the flag ``--name`` that the original has."""
    parser.add_argument(name, nargs="?", metavar=name.upper(), help=what)
    parser.add_argument(
        f"--{name}", dest=f"{name}_flag", metavar="FILE", help=f"{name.upper()}, the original's way"
    )
    add_lenient(parser)


def add_lenient(parser: argparse.ArgumentParser) -> None:
    """``--lenient``, for definitions that a fork of Caffe wrote."""
    parser.add_argument(
        "--lenient",
        action="store_true",
        help="skip fields that only a fork of Caffe has, with a warning for each",
    )


def definition(args: argparse.Namespace, name: str) -> str:
    """The prototxt that was given, either way; from now on, files are read as ``--lenient`` says.

    Raises:
        MinicaffeError: none, or two.
    """
    given = [path for path in (getattr(args, name), getattr(args, f"{name}_flag")) if path]
    if len(given) != 1:
        found = "none is given" if not given else f"{given[0]} and {given[1]} are given"
        raise MinicaffeError(
            f"{args.command} needs one {name} definition, {found}: "
            f"minicaffe {args.command} {name.upper()}.prototxt"
        )
    apply_lenient(args)
    return str(given[0])


def apply_lenient(args: argparse.Namespace) -> None:
    """Read definitions as ``--lenient`` says, those that others name too, until the end."""
    from minicaffe.proto.text import set_lenient

    set_lenient(args.lenient)


def add_model(parser: argparse.ArgumentParser) -> None:
    """``MODEL`` and the number of iterations, as ``test`` and ``time`` have them."""
    add_definition(parser, "model", "the net's definition, a prototxt")
    parser.add_argument(
        "--iterations",
        type=positive,
        default=50,
        metavar="N",
        help="number of iterations (default: 50)",
    )


def add_state(parser: argparse.ArgumentParser) -> None:
    """``--level`` and ``--stage``: which layers of a definition are in."""
    parser.add_argument("--level", type=int, metavar="N", help="level of the net's state")
    parser.add_argument("--stage", metavar="A,B", help="stages to add to the net's state")


def apply_state(args: argparse.Namespace, state: NetState) -> None:
    """Put ``--level`` and ``--stage`` into ``state``, where they are given."""
    if args.level is not None:
        state.level = args.level
    if args.stage:  # extending by nothing would write an empty state into the log
        state.stage.extend(comma_list(args.stage))


def add_machine(parser: argparse.ArgumentParser) -> None:
    """On what to compute, and where the log goes."""
    parser.add_argument(
        "--gpu",
        metavar="ID",
        help="GPU to use, of several (0,1 or all) the first, but train them all; else the CPU",
    )
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="CPU threads (default: all cores)"
    )
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="choose no kernel by its time: the same bits whatever was measured here before",
    )
    parser.add_argument("--log", metavar="FILE", help="append the log to FILE as well")
    parser.add_argument("--quiet", action="store_true", help="show warnings and errors alone")


def add_precision(parser: argparse.ArgumentParser) -> None:
    """``--precision``, which ``device_for`` reads."""
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="fp32",
        help="how a GPU multiplies in convolutions, inner products and recurrent layers (default: "
        "fp32): tf32 and bf16 are faster and keep 10 and 7 bits; what is kept stays float32",
    )


def comma_list(value: str | None) -> list[str]:
    """The names in ``a,b``."""
    return [part.strip() for part in (value or "").split(",") if part.strip()]


def positive(text: str) -> int:
    """``text`` as a number above 0, for argparse."""
    number = int(text) if text.strip().isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number from 1 up")
    return number


def use_threads(count: int | None, *, deterministic: bool = False) -> None:
    """Compute on ``count`` threads; None: as the environment and the machine have it.

    Args:
        count: how many.
        deterministic: choose no kernel by its time.

    Raises:
        MinicaffeError: more than there are.
    """
    if deterministic:
        from minicaffe.ops.choice import deterministic as choose_none

        choose_none(True)
    if count is None:
        return

    from minicaffe.ops.numba_cpu import numba

    most = int(numba.config.NUMBA_NUM_THREADS)
    if count > most:
        raise MinicaffeError(f"--threads is {count}, expected 1..{most}, as this machine has")
    numba.set_num_threads(count)  # BLAS runs inside kernels, on one thread a worker


def named_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """A blob's name and shape: ``data:10,3,227,227``, or with x between, as the table has it."""
    name, _, dims = text.rpartition(":")
    parts = re.split("[,x]", dims)
    if not name or not all(part.strip().isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(
            f"{text!r}, expected a blob's name and numbers from 1 up, as in data:10,3,227,227"
        )
    return name, tuple(map(int, parts))


def add_input(parser: argparse.ArgumentParser) -> None:
    """``--input``, for commands that build a net without its data; see ``input_shapes``."""
    parser.add_argument(
        "--input",
        type=named_shape,
        action="append",
        default=[],
        metavar="NAME:N,C,H,W",
        help="shape of an input, or of what a data layer reads; once for each",
    )


def input_shapes(args: argparse.Namespace) -> dict[str, tuple[int, ...]]:
    """The shapes that ``--input`` gives, by the blobs' names.

    Raises:
        MinicaffeError: a name is given twice.
    """
    shapes = dict(args.input)
    if len(shapes) < len(args.input):
        raise MinicaffeError("--input names a blob twice, expected one shape for each")
    return shapes
