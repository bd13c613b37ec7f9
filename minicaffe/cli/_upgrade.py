"""What the three commands share that bring old files up to date.

After: tools/upgrade_net_proto_text.cpp, upgrade_net_proto_binary.cpp and
upgrade_solver_proto_text.cpp.
Difference: a file that is there, and is no link, is replaced whole, or not at all.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicaffe import glog
from minicaffe.errors import MinicaffeError, PrototxtError

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from minicaffe.proto.minicaffe_pb2 import NetParameter

INCOMPLETE = 1  # exit code: OUT is written, but something of IN had no place in it


class UnreadableError(MinicaffeError):
    """IN is not what it should be."""

    exit_code = 2


def add_parser(subparsers: Any, command: str, what: str) -> argparse.ArgumentParser:
    """Declare ``command``, which brings ``what`` up to date."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        command,
        help=f"write {what} in today's format",
        description=f"Write {what}, of any age, in today's format.",
        epilog="exit code: 0 written; 1 written without fields that have no place today, or not "
        "written; 2 IN cannot be read",
    )
    parser.add_argument("old", metavar="IN", help="file of any age")
    parser.add_argument("new", metavar="OUT", help="file to write; it may be IN")
    return parser


@contextmanager
def reading(args: argparse.Namespace, kind: str, message: str) -> Iterator[None]:
    """Give what cannot be read inside the exit code 2, and say so as the original does."""
    try:
        yield
    except PrototxtError as error:
        glog.error(
            f"{args.command}.cpp:30", f"Failed to parse input {kind} file as {message}: {args.old}"
        )
        raise UnreadableError(str(error)) from error


def upgraded_net(net: NetParameter, args: argparse.Namespace) -> tuple[NetParameter, int]:
    """``net`` brought up to date, and the exit code that this deserves."""
    from minicaffe.proto.upgrade import needs_upgrade, upgrade_as_original

    if not needs_upgrade(net):
        up_to_date(args)
    net, complaints = upgrade_as_original(net, args.old)
    if complaints:
        glog.error(
            f"{args.command}.cpp:40",
            "Encountered error(s) while upgrading prototxt; see details above.",
        )
    return net, INCOMPLETE if complaints else 0


def up_to_date(args: argparse.Namespace) -> None:
    """Say that IN is of today; it is written all the same."""
    glog.error(f"{args.command}.cpp:44", f"File already in latest proto format: {args.old}")


def write(data: bytes, args: argparse.Namespace, message: Message, kind: str) -> None:
    """Write ``data``, which is ``message``, to OUT, and say so.

    Raises:
        WeightsError: it cannot be written; a file that was there is as it was.
    """
    from minicaffe.errors import WeightsError
    from minicaffe.files import replacing

    path = Path(args.new)
    whole = not path.is_symlink() and (path.is_file() or not path.exists())
    try:
        if whole:
            with replacing(path) as temporary:
                temporary.write_bytes(data)
        else:  # a link, /dev/stdout among them, stays one; a pipe cannot be replaced
            path.write_bytes(data)
    except OSError as error:
        raise WeightsError(f"cannot write {path}: {error.strerror}") from error
    name = message.DESCRIPTOR.name
    glog.info(f"{args.command}.cpp:50", f"Wrote upgraded {name} {kind} proto to {path}")
