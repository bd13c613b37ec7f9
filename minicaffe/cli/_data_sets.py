"""Data sets: where their files are, or come from, and what is written of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from google.protobuf.message import DecodeError

from minicaffe.cli._counted import counted
from minicaffe.data import cifar, mnist
from minicaffe.data.download import Remote, fetch
from minicaffe.data.image import HostArray
from minicaffe.data.parts import Part, is_written
from minicaffe.errors import DataError, MinicaffeError, WeightsError

MODELS, EXAMPLES = Path("models"), Path("examples")  # here, and in a checkout of the original


@dataclass(frozen=True)
class Recipe:
    """How one of the sets is made.

    Attributes:
        title: what people call it.
        home: its folder in models/.
        example: its folder in the original's examples/, if it has one.
        prefix: of the databases' names.
        read: from a folder, and the command line, to parts and files that are not standard.
        missing: what has to be downloaded to a folder before it can be read.
        mean: name of the file for the mean of the training images.
    """

    title: str
    home: str
    example: str
    prefix: str
    read: Callable[[Path, argparse.Namespace], tuple[list[Part], list[str]]]
    missing: Callable[[Path], list[Remote]]
    mean: str = ""


def _idx(kind: mnist.IdxSet, home: str, example: str, prefix: str) -> Recipe:
    return Recipe(
        kind.title,
        home,
        example,
        prefix,
        lambda folder, args: mnist.read_parts(folder, kind),
        lambda folder: [kind.remotes[key] for key in mnist.KEYS if mnist.find(folder, key) is None],
    )


def _cifar(kind: cifar.CifarSet, name: str, mean: str) -> Recipe:
    return Recipe(
        kind.title,
        name,
        name,
        name,
        lambda folder, args: cifar.read_parts(
            folder, kind, coarse=getattr(args, "coarse", False), partial=args.partial
        ),
        lambda folder: [] if cifar.is_there(folder, kind) else [kind.remote],
        mean,
    )


RECIPES = {
    "mnist": _idx(mnist.MNIST, "lenet", "mnist", "mnist"),
    "fashion-mnist": _idx(mnist.FASHION, "fashion_mnist", "", "fashion_mnist"),
    "cifar10": _cifar(cifar.CIFAR10, "cifar10", "mean.binaryproto"),
    "cifar100": _cifar(cifar.CIFAR100, "cifar100", "cifar100_mean.binaryproto"),
}


def make(args: argparse.Namespace) -> int:
    """Make what ``args`` asks for."""
    recipe = RECIPES[args.data_set]
    target = args.to or _target(recipe)
    source = args.source or _source(recipe, target, args.mirror)
    try:
        parts, others = recipe.read(source, args)
    except DataError as error:
        if args.source is not None:
            raise
        raise MinicaffeError(f"{error}; remove it to download it again") from error
    if others and args.source is None:
        raise DataError(
            f"checksum is not {recipe.title}'s: restore the file, or give --from", others[0]
        )
    _say(f"read {source}: {'not the standard ' if others else ''}{recipe.title}, verified")
    prefix = f"{recipe.prefix}_coarse" if getattr(args, "coarse", False) else recipe.prefix
    with _folder(target):
        for part in parts:
            _write(part, target / f"{prefix}_{part.name}_lmdb", force=args.force)
            if recipe.mean and part.name == "train":
                _write_mean(part, target / recipe.mean, force=args.force)
    return 0


def _target(recipe: Recipe) -> Path:
    """The folder that definitions of the set read, here or in a checkout of the original."""
    home = MODELS / recipe.home
    for folder in (home, EXAMPLES / (recipe.example or recipe.home)):
        if folder.is_dir():
            return folder
    if MODELS.is_dir():
        return home
    raise MinicaffeError(
        f"no folder {home} in {Path.cwd()}: run this from the repository's root, or say where "
        "the databases shall go with --to DIR"
    )


def _source(recipe: Recipe, target: Path, mirror: str | None) -> Path:
    """A folder that has the files: of the working directory, or beside the package, or new."""
    import minicaffe.models

    homes = [MODELS / recipe.home, *(Path(p, recipe.home) for p in minicaffe.models.__path__)]
    for folder in dict.fromkeys(home / "data" for home in (target, *homes)):
        if folder.is_dir() and not recipe.missing(folder):
            return folder
    folder = target / "data"
    _download(recipe.missing(folder), folder, mirror)
    return folder


def _download(remotes: list[Remote], folder: Path, mirror: str | None) -> None:
    bases = [_base(mirror)] if mirror else []
    with _folder(folder):
        for remote in remotes:
            _say(f"downloading {remote.name}, {remote.size / 1e6:,.1f} MB, to {folder}")
            try:
                with counted(remote.name, remote.size, in_bytes=True) as show:
                    fetch(remote, folder, show, bases=bases)
            except DataError as error:
                base = (bases or remote.bases)[0]
                names = ", ".join(each.name for each in remotes)
                raise MinicaffeError(
                    f"{error}; or fetch {names} by hand, from {base}, and name their folder "
                    "with --from DIR"
                ) from error
            _say(f"{folder / remote.name}: downloaded, its checksum is right")


def _base(mirror: str) -> str:
    if urlsplit(mirror).scheme not in ("http", "https"):
        raise MinicaffeError(
            f"--mirror is {mirror!r}, expected an address with http:// or https://"
        )
    return mirror.rstrip("/") + "/"


def _write(part: Part, path: Path, *, force: bool) -> None:
    from minicaffe.data.lmdb_writer import write_lmdb

    try:
        if not force and is_written(path, part):
            _say(f"{path}: {len(part):,} records, already there and complete")
            return
    except DataError as error:
        raise MinicaffeError(f"{error}; --force replaces it") from error
    with counted(path.name, len(part)) as show:
        count = write_lmdb(path, part.records(), _summed(show))
    _say(f"{path}: {count:,} records written")


def _summed(show: Callable[[int], None]) -> Callable[[int], None]:
    """``show``, for one who says how much has come, not how much there is."""
    total = 0

    def advance(count: int) -> None:
        nonlocal total
        total += count
        show(total)

    return advance


def _write_mean(part: Part, path: Path, *, force: bool) -> None:
    from minicaffe.data.image_mean import write_mean

    mean = part.mean()
    if path.exists() and not force:
        if not _holds(path, mean):
            raise MinicaffeError(f"{path}: is not the mean of those images; --force replaces it")
        _say(f"{path}: already there")
        return
    write_mean(path, mean)
    _say(f"{path}: mean of {len(part):,} images written")


def _holds(path: Path, mean: HostArray) -> bool:
    from minicaffe.blob_proto import proto_array
    from minicaffe.proto.minicaffe_pb2 import BlobProto

    try:
        found = proto_array(BlobProto.FromString(path.read_bytes()))
    except (OSError, DecodeError, WeightsError):
        return False
    return found is not None and np.array_equal(found, mean[None])


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    """Make the folder ``path`` if it is not there, and say so; after an error it goes again."""
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MinicaffeError(f"cannot make the folder {path}: {error.strerror}") from error
    if made:
        _say(f"new folder{'s' * (len(made) > 1)}: {', '.join(map(str, reversed(made)))}")
    try:
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):  # a part of a download stays
                folder.rmdir()
        raise


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
