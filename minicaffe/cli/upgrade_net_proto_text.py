"""``minicaffe upgrade_net_proto_text``: an old net's definition as one of today.

It converts as well: each file is in the format of its extension, .prototxt, .yaml or .json, and IN
may be a ``net.py``.

After: tools/upgrade_net_proto_text.cpp.
"""

from __future__ import annotations

import argparse
from typing import Any

from minicaffe.cli import _flags, _upgrade


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = _upgrade.add_parser(subparsers, "upgrade_net_proto_text", "a net's definition")
    _flags.add_lenient(parser)


def run(args: argparse.Namespace) -> int:
    """Upgrade."""
    from minicaffe.proto.minicaffe_pb2 import NetParameter
    from minicaffe.proto.text import read, to_syntax_of

    with _upgrade.reading(args, "text", "NetParameter"):
        net = read(args.old, NetParameter, lenient=args.lenient)
    net, code = _upgrade.upgraded_net(net, args)
    _upgrade.write(to_syntax_of(args.new, net).encode(), args, net, "text")
    return code
