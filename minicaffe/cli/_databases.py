"""What the commands that read and write databases share."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from minicaffe import glog
from minicaffe.cli import _flags
from minicaffe.errors import DataError, MinicaffeError

if TYPE_CHECKING:
    from minicaffe.data.source import Source

YES, NO = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")  # as gflags reads them
INTERVAL = 0.1  # seconds between updates of a bar

REPORT = 1000  # images between lines of the log
T = TypeVar("T")
Records = Iterable[tuple[bytes, bytes]]


def add_switch(parser: argparse.ArgumentParser, name: str, what: str) -> None:
    """A flag that is on or off: ``--name``, ``--name=true``, ``--name=false`` or ``--noname``.

    Each spelling is a flag of its own for argparse, which would otherwise take the argument
    that follows ``--name`` for its value.
    """
    destination = name.replace("-", "_")
    spellings = sorted({name, destination})
    parser.add_argument(
        *[f"--{each}" for each in spellings], dest=destination, action="store_true", help=what
    )
    for value, words in ((True, YES), (False, NO)):
        forms = [f"--{each}={word}" for each in spellings for word in words]
        forms += [] if value else [f"--no{each}" for each in spellings]
        parser.add_argument(
            *forms,
            dest=destination,
            action="store_const",
            const=value,
            help=argparse.SUPPRESS,
        )


def in_order(
    args: argparse.Namespace, entries: list[T], shuffled: Callable[[list[T], int], list[T]], at: str
) -> list[T]:
    """What is listed, as it is or ``shuffled`` by a seed; ``at`` is where the log says so."""
    if not args.shuffle:
        return entries
    seed = secrets.randbits(32) if args.seed is None else args.seed
    glog.info(at, f"Shuffling data with --seed {seed}")
    return shuffled(entries, seed)


def add_backend(parser: argparse.ArgumentParser, default: str | None) -> None:
    """``--backend``; None as its default is for a database that tells by itself what it is."""
    says = f"default: {default}" if default else "default: as the database is"
    parser.add_argument(
        "--backend",
        type=str.lower,
        choices=("lmdb", "leveldb"),
        default=default,
        help=f"kind of the database ({says})",
    )


def add_common(parser: argparse.ArgumentParser, threaded: str) -> None:
    """``--skip-bad``, ``--threads`` (for what ``threaded`` says), ``--log`` and ``--quiet``."""
    add_switch(parser, "skip-bad", "leave out what cannot be read, list it in the log and count it")
    parser.add_argument(
        "--threads",
        type=_flags.positive,
        metavar="N",
        help=f"threads that {threaded} (default: one a core)",
    )
    parser.add_argument("--log", metavar="FILE", help="append the log to FILE as well")
    parser.add_argument("--quiet", action="store_true", help="show warnings and errors alone")


def number(text: str) -> int:
    """``text`` as a whole number from 0 up, for argparse."""
    if not text.strip().isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number from 0 up")
    return int(text)


def check_free(path: str, *, force: bool) -> None:
    """Refuse to write a database where something is already, unless by ``force``.

    Raises:
        DataError: there is something at ``path``.
    """
    if os.path.lexists(path) and not force:
        raise DataError("is there already; --force replaces it", path)


def open_any(path: str, backend: str | None) -> Source[bytes]:
    """The database at ``path``, of the kind ``backend``, or of the one that it is.

    Raises:
        DataError: there is none, or it is damaged or of another kind.
    """
    from minicaffe.data.source import LEVELDB_FILE, LMDB_FILE, open_database
    from minicaffe.proto.minicaffe_pb2 import DataParameter

    names = {"lmdb": LMDB_FILE, "leveldb": LEVELDB_FILE}
    found = [kind for kind, name in names.items() if os.path.exists(os.path.join(path, name))]
    kind = backend or (found or ["lmdb"])[0]
    return open_database(DataParameter(source=path, backend=kind.upper()))


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A function to call whenever one of ``total`` is done; on a terminal they show as a bar.

    Lines of the log go above it.
    """
    from rich.console import Console

    from minicaffe.cli._output import stderr_handler

    console = Console(file=sys.stderr)
    handler = stderr_handler()
    if handler is None or not console.is_terminal or console.is_dumb_terminal:
        yield lambda: None
        return

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns: tuple[Any, ...] = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress("{task.description}", *columns, console=console, refresh_per_second=5)
    task = progress.add_task(what, total=total)
    done, updated = 0, 0.0

    def advance() -> None:
        nonlocal done, updated
        done += 1
        if (now := time.monotonic()) - updated > INTERVAL:
            updated = now
            progress.update(task, completed=done)

    handler.console = console
    try:
        with suppress(OSError):  # a terminal that goes away takes the bar with it, not the run
            progress.start()
        yield advance
    finally:
        handler.console = None
        progress.update(task, completed=done)
        with suppress(OSError):
            progress.stop()


def resize_of(args: argparse.Namespace) -> tuple[int, int]:
    """The height and width that images are scaled to; 0 for as they are.

    Raises:
        MinicaffeError: one is given without the other.
    """
    height, width = args.resize_height, args.resize_width
    if bool(height) != bool(width):
        raise MinicaffeError(
            f"resize_height is {height} and resize_width {width}, expected both or neither"
        )
    return height, width


def write(args: argparse.Namespace, records: Records, total: int, places: tuple[str, str]) -> None:
    """Write the database that ``args`` name, and say how far it is.

    Args:
        args: of the command.
        records: key and value.
        total: how many at most.
        places: file and line of the log's lines in the original, and of the last one.
    """
    from minicaffe.data.database_writer import write_database

    with counting("images", total) as advance:
        write_database(args.database, _told(records, advance, places), args.backend)


def _told(
    records: Records, advance: Callable[[], None], places: tuple[str, str]
) -> Iterator[tuple[bytes, bytes]]:
    count = 0
    for count, record in enumerate(records, 1):
        yield record
        advance()
        if count % REPORT == 0:
            glog.info(places[0], f"Processed {count} files.")
    if count % REPORT:
        glog.info(places[1], f"Processed {count} files.")
