"""``minicaffe upgrade_net_proto_binary``: old weights as a ``.caffemodel`` of today.

After: tools/upgrade_net_proto_binary.cpp.
"""

from __future__ import annotations

import argparse
from typing import Any

from minicaffe.cli import _upgrade


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    _upgrade.add_parser(subparsers, "upgrade_net_proto_binary", "weights (a .caffemodel)")


def run(args: argparse.Namespace) -> int:
    """Upgrade."""
    from minicaffe.proto import binary
    from minicaffe.proto.minicaffe_pb2 import NetParameter

    with _upgrade.reading(args, "binary", "NetParameter"):
        net = binary.read(args.old, NetParameter)
    net, code = _upgrade.upgraded_net(net, args)
    _upgrade.write(binary.to_bytes(net), args, net, "binary")
    return code
