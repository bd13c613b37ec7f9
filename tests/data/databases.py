"""Make small databases for tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from minicaffe.data.lmdb_writer import write_lmdb
from minicaffe.proto.minicaffe_pb2 import Datum


def datum(pixels: np.ndarray, label: int = 0) -> Datum:
    """A raw Datum of the (C, H, W) ``pixels``: uint8 as data, anything else as float_data."""
    channels, height, width = pixels.shape
    made = Datum(channels=channels, height=height, width=width, label=label)
    if pixels.dtype == np.uint8:
        made.data = pixels.tobytes()
    else:
        made.float_data.extend(pixels.reshape(-1).tolist())
    return made


def encoded(file: bytes, label: int = 0) -> Datum:
    """A Datum that holds an image file."""
    return Datum(data=file, label=label, encoded=True)


def make_lmdb(path: Path, records: Iterable[Datum | bytes]) -> str:
    """An LMDB of ``records`` under the keys 00000000, 00000001, ...; its name."""
    raw = (item if isinstance(item, bytes) else item.SerializeToString() for item in records)
    write_lmdb(path, ((b"%08d" % index, record) for index, record in enumerate(raw)))
    return str(path)


def numbered(
    count: int, shape: Sequence[int] = (2, 3, 4), rng: np.random.Generator | None = None
) -> list[Datum]:
    """``count`` Datums of random pixels, labelled 0, 1, ..."""
    rng = rng or np.random.default_rng(1701)
    return [datum(rng.integers(0, 256, shape).astype(np.uint8), label) for label in range(count)]
