"""CIFAR-10 and CIFAR-100: from their archives, or what is in them, to databases of Datums.

Images are red, green, blue planes, and stay so.

After: examples/cifar10/convert_cifar_data.cpp. Differences: every size and label is checked
first; an archive need not be unpacked; the Python version is read too; so is CIFAR-100.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

import numpy as np

from minicaffe.data.cifar_pickle import records
from minicaffe.data.download import Remote
from minicaffe.data.idx import GZIP_MAGIC
from minicaffe.data.image import HostArray
from minicaffe.data.parts import Part
from minicaffe.errors import DataError

SHAPE = 3, 32, 32
SIZE = 3 * 32 * 32  # bytes of an image
DIGITS = 5  # of a key
BLOCK = 1 << 20  # bytes unpacked at once
BASES = ("https://www.cs.toronto.edu/~kriz/",)


@dataclass(frozen=True)
class CifarSet:
    """One of the two.

    Attributes:
        title: what people call it.
        remote: the archive of the binary version.
        archives, folders: names of the archive and of the folder in it, of each version.
        parts: for each part, its files in order, with the SHA-256 of the standard ones.
        labels: for each byte before an image, its name in the Python version, and its classes.
    """

    title: str
    remote: Remote
    archives: tuple[str, str]
    folders: tuple[str, str]
    parts: Mapping[str, Mapping[str, str]]
    labels: tuple[tuple[str, int], ...]


CIFAR10 = CifarSet(
    "CIFAR-10",
    Remote(
        "cifar-10-binary.tar.gz",
        170052171,
        "sha256",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        BASES,
    ),
    ("cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"),
    ("cifar-10-batches-bin", "cifar-10-batches-py"),
    {
        "train": {
            "data_batch_1": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            "data_batch_2": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            "data_batch_3": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            "data_batch_4": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            "data_batch_5": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        },
        "test": {"test_batch": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"},
    },
    (("labels", 10),),
)
CIFAR100 = CifarSet(
    "CIFAR-100",
    Remote(
        "cifar-100-binary.tar.gz",
        168513733,
        "sha256",
        "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        BASES,
    ),
    ("cifar-100-binary.tar.gz", "cifar-100-python.tar.gz"),
    ("cifar-100-binary", "cifar-100-python"),
    {
        "train": {"train": "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29"},
        "test": {"test": "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a"},
    },
    (("coarse_labels", 20), ("fine_labels", 100)),
)


def read_parts(
    source: Path, kind: CifarSet, *, coarse: bool = False, partial: bool = False
) -> tuple[list[Part], list[str]]:
    """The training and the test images that ``source`` has, verified.

    Args:
        source: a folder with the archive, its folder or its files, or the archive itself; of
            the binary version or, where that is not there, of the Python version.
        kind: which of the two sets.
        coarse: take the first label of two, not the last.
        partial: be content with some of the files; their names may go on after the usual ones.

    Returns:
        The parts; and the files that are not those of the standard set.

    Raises:
        DataError: files are missing or damaged, or hold labels that there are not.
    """
    contents = _contents(source, kind, partial=partial)
    parts, others = [], []
    for name, digests in kind.parts.items():
        raws = []
        for stem, digest in digests.items():
            for path in [path for path in contents if _is(path, stem, partial=partial)]:
                raw = contents.pop(path)
                if not path.endswith(".bin"):
                    raw = records(raw, [label for label, _ in kind.labels], SIZE, path)
                if hashlib.sha256(raw).hexdigest() != digest:
                    others.append(path)
                raws.append(_checked(raw, kind, path))
        if raws:
            parts.append(_part(name, raws, len(kind.labels), 0 if coarse else -1))
    return parts, others


def _part(name: str, raws: list[HostArray], labels: int, column: int) -> Part:
    """The records of all files in a row; each is let go once it is copied."""
    count = sum(map(len, raws))
    images = np.empty((count, *SHAPE), np.uint8)
    classes = np.empty(count, np.uint8)
    start = 0
    while raws:
        raw = raws.pop(0)
        part = slice(start, start := start + len(raw))
        images[part].reshape(-1, SIZE)[:] = raw[:, labels:]
        classes[part] = raw[:, :labels][:, column]
    return Part(name, images, classes, DIGITS)


def _checked(raw: bytes, kind: CifarSet, name: str) -> HostArray:
    """(N, label bytes + image bytes): the records in ``raw``."""
    size = len(kind.labels) + SIZE
    if not raw or len(raw) % size:
        raise DataError(
            f"{len(raw):,} bytes, expected a multiple of {size:,}, as {kind.title}'s records have: "
            "cut short?",
            name,
        )
    array = np.frombuffer(raw, np.uint8).reshape(-1, size)
    for column, (label, classes) in enumerate(kind.labels):
        if array[:, column].max() >= classes:
            index = int((array[:, column] >= classes).argmax())
            raise DataError(
                f"record {index} has {array[index, column]} in {label}, expected 0 to "
                f"{classes - 1}",
                name,
            )
    return array


def _contents(source: Path, kind: CifarSet, *, partial: bool) -> dict[str, bytes]:
    """Path to contents of the files of the set, from the first place that has one of them."""
    if not source.exists():
        raise DataError("no such file or folder", str(source))
    stems = [stem for digests in kind.parts.values() for stem in digests]
    near: set[str] = set()
    for place, end in _places(source, kind):
        names = [f"{stem}{end}" for stem in stems]
        found = dict(_files(place, names, stems, partial=partial))
        near |= _near(place, stems, end)
        if not found:
            continue
        there = {PurePosixPath(path).name for path in found}
        missing = [name for name in names if name not in there]
        if missing and not partial:
            raise DataError(
                f"expected {', '.join(missing)} too, found {', '.join(sorted(there))} alone: "
                "--partial is content with them",
                str(place),
            )
        return found
    hint = f": --partial takes {', '.join(sorted(near))}" if near else ""
    raise DataError(
        f"expected {kind.archives[0]}, or what is in it ({stems[0]}.bin ...), found none of "
        f"them{hint}",
        str(source),
    )


def _places(source: Path, kind: CifarSet) -> Iterator[tuple[Path, str]]:
    """Where files may be, and what their names end in there."""
    if source.is_file():
        yield from ((source, end) for end in (".bin", ""))
        return
    for archive, folder, end in zip(kind.archives, kind.folders, (".bin", ""), strict=True):
        if (source / archive).is_file():
            yield source / archive, end
        yield from ((place, end) for place in (source / folder, source) if place.is_dir())


def _files(
    place: Path, names: list[str], stems: list[str], *, partial: bool
) -> Iterator[tuple[str, bytes]]:
    def wanted(name: str) -> bool:
        return name in names or (
            partial and name.endswith(".bin") and any(_is(name, s, partial=True) for s in stems)
        )

    if place.is_dir():
        for path in sorted(place.iterdir()):
            if wanted(path.name) and path.is_file():
                yield str(path), _read(path)
        return
    try:
        with _unzipped(place) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in archive:
                if member.isreg() and wanted(PurePosixPath(member.name).name):
                    file = archive.extractfile(member)
                    yield f"{place}/{member.name}", file.read() if file else b""
            while stream.read(BLOCK):  # to the checksum at its end: tar takes damage for an end
                pass
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DataError(f"archive is damaged or cut short: {error}", str(place)) from error


def _unzipped(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        zipped = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    return cast("IO[bytes]", gzip.open(path) if zipped else path.open("rb"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", str(path)) from error


def _is(path: str, stem: str, *, partial: bool) -> bool:
    """The file at ``path`` is the one called ``stem``, or begins so where that is enough."""
    more = r"([^0-9].*)?" if partial else ""
    return bool(re.fullmatch(rf"{stem}{more}(\.bin)?", PurePosixPath(path).name))


def _near(place: Path, stems: list[str], end: str) -> set[str]:
    """Files of the binary version whose names only begin as they should."""
    if not place.is_dir() or not end:
        return set()
    names = [path.name for path in place.iterdir() if path.name.endswith(end)]
    return {name for name in names if any(_is(name, stem, partial=True) for stem in stems)}


def is_there(folder: Path, kind: CifarSet) -> bool:
    """``folder`` has the archive, or some of the files in it."""
    stems = [stem for digests in kind.parts.values() for stem in digests]
    return any(
        place.is_file() or any((place / f"{stem}{end}").is_file() for stem in stems)
        for place, end in _places(folder, kind)
    )
