"""Write the four idx files of a small data set of MNIST's form."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np


def idx(array: np.ndarray) -> bytes:
    """``array`` as an idx file."""
    return (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    ) + array.tobytes()


def digits(train: int = 30, test: int = 20) -> dict[str, np.ndarray]:
    """Name of each file to the array in it."""
    rng = np.random.default_rng(28)
    arrays = {}
    for prefix, count in (("train", train), ("t10k", test)):
        arrays[f"{prefix}-images-idx3-ubyte"] = rng.integers(0, 256, (count, 28, 28))
        arrays[f"{prefix}-labels-idx1-ubyte"] = np.arange(count) % 10
    return {name: array.astype(np.uint8) for name, array in arrays.items()}


def write_files(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Write ``arrays`` to ``folder``, gzipped."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array), mtime=0))
    return folder
