"""Small data sets in the forms in which CIFAR is handed out."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np

from minicaffe.data.cifar import CIFAR10, CifarSet

COUNT = 7  # records of a file


def arrays(kind: CifarSet = CIFAR10, count: int = COUNT) -> dict[str, np.ndarray]:
    """Name of each file, less its end, to (N, label bytes + image bytes)."""
    rng = np.random.default_rng(10)
    found = {}
    for stem in [stem for stems in kind.parts.values() for stem in stems]:
        labels = [rng.integers(0, classes, count) for _, classes in kind.labels]
        found[stem] = np.column_stack([*labels, rng.integers(0, 256, (count, 3072))])
    return {stem: array.astype(np.uint8) for stem, array in found.items()}


def binary(array: np.ndarray) -> bytes:
    """A file of the binary version."""
    return array.tobytes()


def pickled(array: np.ndarray, kind: CifarSet = CIFAR10, protocol: int = 2) -> bytes:
    """A file of the Python version."""
    names = [name for name, _ in kind.labels]
    fields = {name.encode(): array[:, i].tolist() for i, name in enumerate(names)}
    data = np.ascontiguousarray(array[:, len(names) :])
    return pickle.dumps({b"data": data, **fields, b"batch_label": b"batch"}, protocol)


def write_archive(path: Path, files: dict[str, bytes]) -> Path:
    """A gzipped tar of ``files``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, contents in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(contents)
            archive.addfile(info, io.BytesIO(contents))
    return path


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    """``files`` in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, contents in files.items():
        (folder / name).write_bytes(contents)
    return folder
