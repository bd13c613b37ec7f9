"""The command line: ``main``, and one module a command.

A module here whose name has no underscore in front and that has ``add_parser(subparsers)`` and
``run(args) -> int`` is a command; ``main`` finds it. What is slow to import is imported in
``run``, so that ``--help`` stays fast.
"""
