"""``minicaffe data``: make the databases that definitions read, and look into any."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from minicaffe.cli import _data_inspect

MNIST = """\
Make {prefix}_train_lmdb and {prefix}_test_lmdb from the four idx files of {title}. The
files are verified before anything is written, and a database takes its name only when all of it
is on the disk.{more}
"""
CIFAR = """\
Make {prefix}_train_lmdb, {prefix}_test_lmdb and {mean}, the mean of the training images, from
the archive of {title}. It is verified before anything is written, and a database takes its name
only when all of it is on the disk. The channels are red, green, blue, as in the original's example.
"""
WHERE = """\
Without --from, the files are those in {home}/data; where there are none, they are downloaded to the
folder data/ beside the databases. A download that breaks off goes on the next time.
"""
SETS = {  # name: help, text, folder of models/, fields of the text
    "mnist": (
        "handwritten digits, for LeNet",
        MNIST,
        "lenet",
        {"title": "MNIST", "prefix": "mnist", "more": " The repository has them."},
    ),
    "fashion-mnist": (
        "clothes, in MNIST's form",
        MNIST,
        "fashion_mnist",
        {"title": "Fashion-MNIST", "prefix": "fashion_mnist", "more": ""},
    ),
    "cifar10": (
        "small colour images of ten classes",
        CIFAR,
        "cifar10",
        {"title": "CIFAR-10", "prefix": "cifar10", "mean": "mean.binaryproto"},
    ),
    "cifar100": (
        "small colour images of a hundred classes",
        CIFAR,
        "cifar100",
        {"title": "CIFAR-100", "prefix": "cifar100", "mean": "cifar100_mean.binaryproto"},
    ),
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its own commands, one a data set, and ``inspect``."""
    parser = subparsers.add_parser(
        "data",
        help="make databases, and look into them",
        description="Make the databases that definitions read, and look into any.",
    )
    sets = parser.add_subparsers(
        dest="data_set", metavar="SET", title="data sets, and a tool", required=True
    )
    for name, (text, description, folder, fields) in SETS.items():
        home = Path("models", folder)
        each = sets.add_parser(
            name,
            help=text,
            description=description.format(**fields),
            epilog=WHERE.format(home=home),
        )
        each.set_defaults(run_set=_make)
        _add_flags(each, home, archive=description is CIFAR)
        if name == "cifar100":
            each.add_argument(
                "--coarse",
                action="store_true",
                help="labels are the 20 coarse classes, not the 100 fine ones",
            )
    _data_inspect.add_parser(sets)


def _add_flags(parser: argparse.ArgumentParser, home: Path, *, archive: bool) -> None:
    files = (
        "folder of the archive or of the files in it, of the binary or the Python version; or "
        "the archive itself"
        if archive
        else "folder of the idx files, gzipped or not; any of MNIST's form will do"
    )
    parser.add_argument("--from", dest="source", metavar="DIR", type=Path, help=files)
    parser.add_argument(
        "--to", metavar="DIR", type=Path, help=f"folder of the databases (default: {home})"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace databases that are there already"
    )
    parser.add_argument(
        "--mirror", metavar="URL", help="download from this folder, not from the authors'"
    )
    if archive:
        parser.add_argument(
            "--partial", action="store_true", help="be content with some of the files"
        )


def run(args: argparse.Namespace) -> int:
    """Do what ``args`` asks for."""
    code: int = args.run_set(args)
    return code


def _make(args: argparse.Namespace) -> Any:
    from minicaffe.cli import _data_sets

    return _data_sets.make(args)
