"""Make small HDF5 files for tests, and the list of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import h5py
import numpy as np


def make_hdf5(path: Path, **datasets: np.ndarray) -> Path:
    """A file with each array as the dataset of its name."""
    with h5py.File(path, "w") as file:
        for name, array in datasets.items():
            file[name] = array
    return path


def numbered(first: int, count: int, shape: tuple[int, ...] = (2, 3)) -> dict[str, np.ndarray]:
    """``data`` (count, *shape), each row of one number, and these numbers as ``label``."""
    label = np.arange(first, first + count, dtype=np.float32)
    data = np.broadcast_to(label.reshape(-1, *(1,) * len(shape)), (count, *shape))
    return {"data": data + np.linspace(0, 0.5, data[0].size).reshape(shape), "label": label}


def make_list(path: Path, files: Iterable[Path]) -> str:
    """A list of ``files``, one a line; its name."""
    path.write_text("".join(f"{file}\n" for file in files))
    return str(path)
