"""``minicaffe upgrade_solver_proto_text``: an old solver's definition as one of today.

After: tools/upgrade_solver_proto_text.cpp.
"""

from __future__ import annotations

import argparse
from typing import Any

from minicaffe.cli import _flags, _upgrade


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = _upgrade.add_parser(subparsers, "upgrade_solver_proto_text", "a solver's definition")
    _flags.add_lenient(parser)


def run(args: argparse.Namespace) -> int:
    """Upgrade."""
    from minicaffe.proto.minicaffe_pb2 import SolverParameter
    from minicaffe.proto.text import read, to_syntax_of
    from minicaffe.proto.upgrade import needs_solver_upgrade, upgrade_solver_as_original

    with _upgrade.reading(args, "text", "SolverParameter"):
        solver = read(args.old, SolverParameter, lenient=args.lenient)
    if not needs_solver_upgrade(solver):
        _upgrade.up_to_date(args)
    solver = upgrade_solver_as_original(solver, args.old)
    _upgrade.write(to_syntax_of(args.new, solver).encode(), args, solver, "text")
    return 0
