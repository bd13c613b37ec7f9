"""MNIST and Fashion-MNIST: from four idx files to two databases of Datums.

After: examples/mnist/convert_mnist_data.cpp. The checksums of Fashion-MNIST are those that its
authors publish; of MNIST's files, gzipped in many ways, the contents are compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from minicaffe.data.download import Remote
from minicaffe.data.idx import parse_idx, unpacked
from minicaffe.data.parts import Part
from minicaffe.errors import DataError

SIDE = 28  # of an image, in pixels
CLASSES = 10
DIGITS = 8  # of a key
SPELLINGS = [f"{{}}-{{}}{dot}idx{{}}-ubyte{end}" for dot in "-." for end in (".gz", "")]
KEYS = [(part, *kind) for part in ("train", "t10k") for kind in (("images", 3), ("labels", 1))]
Key = tuple[str, str, int]


@dataclass(frozen=True)
class IdxSet:
    """A data set in MNIST's form.

    Attributes:
        title: what people call it.
        contents: SHA-256 of each file's contents without the gzip, as far as it is known.
        remotes: the gzipped files, as its authors hand them out.
    """

    title: str
    contents: Mapping[Key, str]
    remotes: Mapping[Key, Remote]

    def has(self, key: Key, path: Path, raw: bytes) -> bool:
        """The file at ``path``, whose contents are ``raw``, is the one of the standard set."""
        return hashlib.sha256(raw).hexdigest() == self.contents.get(key) or (
            path.stat().st_size == self.remotes[key].size and self.remotes[key].matches(path)
        )


def _remotes(bases: tuple[str, ...], files: list[tuple[int, str]]) -> dict[Key, Remote]:
    return {
        key: Remote(SPELLINGS[0].format(*key), size, "md5", digest, bases)
        for key, (size, digest) in zip(KEYS, files, strict=True)
    }


MNIST = IdxSet(
    "MNIST",
    dict(
        zip(
            KEYS,
            [
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ],
            strict=True,
        )
    ),
    _remotes(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        [
            (9912422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            (28881, "d53e105ee54ea40749a09fcbcd1e9432"),
            (1648877, "9fb629c4189551a2d022fa330f9573f3"),
            (4542, "ec29112dd5afa0611ce80d1b7f02629c"),
        ],
    ),
)
FASHION = IdxSet(
    "Fashion-MNIST",
    {},
    _remotes(
        (
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        [
            (26421880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            (29515, "25c81989df183df01b3e8a0aad5dffbe"),
            (4422102, "bef4ecab320f06d8554ea6380940ec79"),
            (5148, "bb300cfdad3c16e7a12a480ee83cd310"),
        ],
    ),
)


def read_parts(folder: Path, kind: IdxSet = MNIST) -> tuple[list[Part], list[str]]:
    """The training and the test images in ``folder``, verified as far as any such files can be.

    Files may be gzipped or not, and spelled ``train-images-idx3-ubyte`` or
    ``train-images.idx3-ubyte``.

    Returns:
        The two parts; and the files that are not known to be those of the standard set.

    Raises:
        DataError: files are missing or damaged, or do not belong together.
    """
    found = {key: find(folder, key) for key in KEYS}
    paths = {key: path for key, path in found.items() if path is not None}
    missing = [SPELLINGS[0].format(*key) for key in KEYS if key not in paths]
    if missing:
        raise DataError(f"expected {', '.join(missing)}, found none of that name", str(folder))
    arrays, others = {}, []
    for key, path in paths.items():
        raw = unpacked(path)
        if not kind.has(key, path, raw):
            others.append(str(path))
        arrays[key[:2]] = parse_idx(raw, key[2], str(path))
    parts = []
    for name, prefix in (("train", "train"), ("test", "t10k")):
        images, labels = arrays[prefix, "images"], arrays[prefix, "labels"]
        part = Part(name, images[:, None], labels, DIGITS)
        _check(part, str(paths[prefix, "images", 3]), str(paths[prefix, "labels", 1]))
        parts.append(part)
    return parts, others


def find(folder: Path, key: Key) -> Path | None:
    """The file in ``folder`` that is the one of ``key``, by its name."""
    paths = (folder / spelling.format(*key) for spelling in SPELLINGS)
    return next((path for path in paths if path.is_file()), None)


def _check(part: Part, images: str, labels: str) -> None:
    shape = len(part.images), *part.images.shape[2:]
    if shape[1:] != (SIDE, SIDE) or not len(part.images):
        raise DataError(f"images are {shape}, expected (N, {SIDE}, {SIDE})", images)
    if len(part.images) != len(part.labels):
        raise DataError(
            f"{len(part.labels):,} labels, expected {len(part.images):,}, one an image", labels
        )
    if part.labels.max() >= CLASSES:
        index = int((part.labels >= CLASSES).argmax())
        raise DataError(
            f"label {index} is {part.labels[index]}, expected 0 to {CLASSES - 1}", labels
        )
