"""MNIST: from its four idx files to two databases of Datums.

After: examples/mnist/convert_mnist_data.cpp.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from minicaffe.data.idx import parse_idx, unpacked
from minicaffe.data.image import HostArray
from minicaffe.errors import DataError
from minicaffe.proto.minicaffe_pb2 import Datum

SIDE = 28  # of an image, in pixels
CLASSES = 10
SPELLINGS = [f"{{}}-{{}}{dot}idx{{}}-ubyte{end}" for dot in "-." for end in (".gz", "")]
FILES = {  # SHA-256 of the standard ones, without the gzip
    ("train", "images", 3): "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ("train", "labels", 1): "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ("t10k", "images", 3): "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ("t10k", "labels", 1): "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


@dataclass(frozen=True)
class Part:
    """The training or the test images.

    Attributes:
        name: "train" or "test".
        images: (N, 28, 28) uint8.
        labels: (N,) uint8, 0 to 9.
    """

    name: str
    images: HostArray
    labels: HostArray

    def __len__(self) -> int:
        return len(self.labels)

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        """(key, Datum) of each image, byte for byte as the original's converter makes them."""
        raw = self.images.tobytes()
        size = SIDE * SIDE
        for index, label in enumerate(self.labels.tolist()):
            data = raw[index * size : (index + 1) * size]
            datum = Datum(channels=1, height=SIDE, width=SIDE, data=data, label=label)
            yield b"%08d" % index, datum.SerializeToString()


def read_parts(folder: Path) -> tuple[list[Part], list[str]]:
    """The training and the test images in ``folder``, verified as far as any such files can be.

    Files may be gzipped or not, and spelled ``train-images-idx3-ubyte`` or
    ``train-images.idx3-ubyte``.

    Returns:
        The two parts; and the files whose contents are not those of the standard MNIST.

    Raises:
        DataError: files are missing or damaged, or do not belong together.
    """
    found = {key: _find(folder, key) for key in FILES}
    paths = {key: path for key, path in found.items() if path is not None}
    missing = [SPELLINGS[0].format(*key) for key in FILES if key not in paths]
    if missing:
        raise DataError(f"expected {', '.join(missing)}, found none of that name", str(folder))
    arrays, others = {}, []
    for key, path in paths.items():
        raw = unpacked(path)
        if hashlib.sha256(raw).hexdigest() != FILES[key]:
            others.append(str(path))
        arrays[key[:2]] = parse_idx(raw, key[2], str(path))
    parts = []
    for name, prefix in (("train", "train"), ("test", "t10k")):
        part = Part(name, arrays[prefix, "images"], arrays[prefix, "labels"])
        _check(part, str(paths[prefix, "images", 3]), str(paths[prefix, "labels", 1]))
        parts.append(part)
    return parts, others


def is_written(path: Path, part: Part) -> bool:
    """There is a database at ``path``, and it holds the records of ``part``.

    Raises:
        DataError: there is something else.
    """
    from minicaffe.data.lmdb_source import LmdbSource  # lmdb is loaded where it is needed

    if not path.exists():
        return False
    source = LmdbSource(str(path))
    try:
        same = len(source) == len(part) and all(
            made == found for made, found in zip(part.records(), source.records(0), strict=False)
        )
    finally:
        source.close()
    if not same:
        raise DataError(f"holds {len(source):,} records that are not those", str(path))
    return True


def _find(folder: Path, key: tuple[str, str, int]) -> Path | None:
    paths = (folder / spelling.format(*key) for spelling in SPELLINGS)
    return next((path for path in paths if path.is_file()), None)


def _check(part: Part, images: str, labels: str) -> None:
    if part.images.shape[1:] != (SIDE, SIDE) or not len(part.images):
        raise DataError(f"images are {part.images.shape}, expected (N, {SIDE}, {SIDE})", images)
    if len(part.images) != len(part.labels):
        raise DataError(
            f"{len(part.labels):,} labels, expected {len(part.images):,}, one an image", labels
        )
    if part.labels.max() >= CLASSES:
        index = int((part.labels >= CLASSES).argmax())
        raise DataError(
            f"label {index} is {part.labels[index]}, expected 0 to {CLASSES - 1}", labels
        )
