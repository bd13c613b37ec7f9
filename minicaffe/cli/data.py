"""``minicaffe data``: make the databases that definitions read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from minicaffe.errors import DataError, MinicaffeError

if TYPE_CHECKING:
    from minicaffe.data.mnist import Part

LENET = Path("models", "lenet")  # its definition reads the databases from there
MNIST = """\
Make mnist_train_lmdb and mnist_test_lmdb, the databases that models/lenet reads, from the four
idx files of MNIST. The files are verified before anything is written, and a database takes its
name only when all of it is on the disk.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its own commands, one a data set."""
    parser = subparsers.add_parser(
        "data", help="make databases", description="Make the databases that definitions read."
    )
    sets = parser.add_subparsers(dest="data_set", metavar="SET", title="sets", required=True)
    mnist = sets.add_parser("mnist", help="handwritten digits, for LeNet", description=MNIST)
    mnist.set_defaults(run_set=_mnist)
    mnist.add_argument(
        "--from",
        dest="source",
        metavar="DIR",
        type=Path,
        help="folder of the idx files, gzipped or not; any of MNIST's form will do, "
        f"Fashion-MNIST for one (default: {LENET / 'data'})",
    )
    mnist.add_argument(
        "--to", metavar="DIR", type=Path, help=f"folder of the databases (default: {LENET})"
    )
    mnist.add_argument(
        "--force", action="store_true", help="replace databases that are there already"
    )


def run(args: argparse.Namespace) -> int:
    """Make what ``args`` asks for."""
    make: Callable[[argparse.Namespace], None] = args.run_set
    make(args)
    return 0


def _mnist(args: argparse.Namespace) -> None:
    from minicaffe.data.mnist import read_parts

    target = args.to or _default_target()
    source = args.source or _default_source()
    parts, others = read_parts(source)
    if others and args.source is None:
        raise DataError("checksum is not MNIST's: restore the file, or give --from", others[0])
    _say(f"read {source}: {'not the standard MNIST' if others else 'MNIST'}, verified")
    for part in parts:
        _write(part, target / f"mnist_{part.name}_lmdb", force=args.force)


def _write(part: Part, path: Path, *, force: bool) -> None:
    from minicaffe.data.lmdb_writer import write_lmdb
    from minicaffe.data.mnist import is_written

    try:
        if not force and is_written(path, part):
            _say(f"{path}: {len(part):,} records, already there and complete")
            return
    except DataError as error:
        raise MinicaffeError(f"{error}; --force replaces it") from error
    with _progress(path.name, len(part)) as advance:
        count = write_lmdb(path, part.records(), advance)
    _say(f"{path}: {count:,} records written")


def _default_target() -> Path:
    if not LENET.is_dir():
        raise MinicaffeError(
            f"no folder {LENET} in {Path.cwd()}: run this from the repository's root, or say where "
            "the databases shall go with --to DIR"
        )
    return LENET


def _default_source() -> Path:
    """The files of the working directory, or else those that lie beside the package."""
    import minicaffe.models

    beside = [Path(folder, "lenet") for folder in minicaffe.models.__path__]
    folders = [folder / "data" for folder in (LENET, *beside)]
    for folder in folders:
        if folder.is_dir():
            return folder
    raise MinicaffeError(
        f"no folder {folders[0]} in {Path.cwd()}: run this from the repository's root, or name the "
        "folder of the idx files with --from DIR"
    )


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A function to call with each number of records done; on a terminal they show as a bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(file=sys.stderr)
    if not console.is_terminal or console.is_dumb_terminal:
        yield lambda count: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress("{task.description}", *columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
