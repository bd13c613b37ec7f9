"""The entry point: finds the commands, reads the command line, makes errors into exit codes.

After: tools/caffe.cpp. Its flags are read as it reads them: with one dash or two, as ``-flag v``
or ``-flag=v``. Differences: a flag that the command has no use for is refused, not ignored; an
error is one line and exit code 1 (2 for the command line itself), not an abort.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextvars import copy_context
from types import ModuleType
from typing import Any, NoReturn

from minicaffe import __version__, cli
from minicaffe.cli._output import log_lines
from minicaffe.errors import MinicaffeError, did_you_mean

EPILOG = """\
examples:
  minicaffe data mnist
  minicaffe train models/lenet/solver.prototxt
  minicaffe train -solver solver.prototxt -snapshot prefix_iter_5000.solverstate
  minicaffe test -model net.prototxt -weights prefix_iter_10000.caffemodel

Flags are written as for the original caffe: one dash or two, "-flag value" or "-flag=value".
"minicaffe COMMAND --help" explains those of a command.
"""
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, and which takes no half flags for whole."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line and exit with code 2."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv`` (default: the process's arguments) asks for.

    Returns:
        The exit code: 0 done; 1 an error; 130 interrupted.

    Raises:
        SystemExit: the command line is not understood (code 2), or asks for help (0).
    """
    try:
        try:
            code = _run(_two_dashes(sys.argv[1:] if argv is None else argv))
        finally:
            sys.stdout.flush()  # here, where a reader that is gone is no surprise
    except MinicaffeError as error:
        sys.stderr.write(f"minicaffe: error: {' '.join(str(error).splitlines())}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("minicaffe: interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output is gone: end without a word
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the flush at exit fails once more
        return 1
    return code


def _run(argv: Sequence[str]) -> int:
    parser = Parser(
        prog="minicaffe",
        description="Train and run neural networks defined in prototxt files, as Caffe does.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"minicaffe {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    commands: dict[str, ModuleType] = {}
    for module in _command_modules():
        module.add_parser(subparsers)
        commands.update((name, module) for name in subparsers.choices if name not in commands)

    found = next((word for word in argv if not word.startswith("-")), None)
    if found is not None and found not in commands:
        raise MinicaffeError(
            f"command is {found!r}, expected one of {', '.join(commands)}: "
            f"{_hint(found, commands, argv)}"
        )
    args, extra = parser.parse_known_args(argv)
    if extra:
        _refuse(extra, args.command, subparsers.choices)
    if args.command is None:
        parser.print_help()
        return 0
    with log_lines(getattr(args, "log", None), quiet=getattr(args, "quiet", False)):
        code: int = copy_context().run(commands[args.command].run, args)  # --lenient ends with it
    return code


def _command_modules() -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(cli.__path__):
        if not info.name.startswith("_") and info.name != "main":
            module = importlib.import_module(f"minicaffe.cli.{info.name}")
            if hasattr(module, "add_parser"):
                yield module


def _two_dashes(argv: Sequence[str]) -> list[str]:
    """``argv`` with the second dash that argparse expects before a long flag."""
    end = argv.index("--") if "--" in argv else len(argv)
    return [re.sub(r"^-(?=[A-Za-z]\w)", "--", word) for word in argv[:end]] + list(argv[end:])


def _hint(found: str, commands: dict[str, ModuleType], argv: Sequence[str]) -> str:
    if argv[0] != found and any(word in commands for word in argv):
        return "the command comes first, its flags after it"
    return did_you_mean(found, commands)


def _refuse(
    extra: Sequence[str], command: str | None, parsers: Mapping[str, argparse.ArgumentParser]
) -> NoReturn:
    """Say which of ``extra``, the words that no flag and no argument took, is wrong and why."""
    word = next((word for word in extra if word.startswith("-")), extra[0])
    if command is None:
        raise MinicaffeError(f"{word} is no flag of minicaffe itself: name a command first")
    parser = parsers[command]
    if not word.startswith("-"):
        parser.error(f"{word!r} is one argument too many")
    flag = word.split("=")[0]
    users = [name for name, other in parsers.items() if flag in _flags(other)]
    if command in users:
        parser.error(f"{flag} stands before {command}, expected after it")
    if users:
        some = " and ".join([", ".join(users[:-1]), users[-1]] if users[1:] else users)
        parser.error(f"{flag} is a flag of {some}, not of {command}")
    parser.error(f"unknown flag {flag}: {did_you_mean(flag, _flags(parser))}")


def _flags(parser: argparse.ArgumentParser) -> list[str]:
    """The long flags of ``parser`` and of its own commands; argparse has no public way to ask."""
    flags = [flag for flag in parser._option_string_actions if flag.startswith("--")]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            flags += [flag for nested in action.choices.values() for flag in _flags(nested)]
    return flags
