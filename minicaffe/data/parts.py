"""The parts of a data set, and what Caffe's examples make of them: databases, a mean.

After: examples/mnist/convert_mnist_data.cpp, examples/cifar10/convert_cifar_data.cpp,
tools/compute_image_mean.cpp.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minicaffe.data.image import HostArray
from minicaffe.errors import DataError
from minicaffe.proto.minicaffe_pb2 import Datum


@dataclass(frozen=True)
class Part:
    """The training or the test images.

    Attributes:
        name: "train" or "test".
        images: (N, C, H, W) uint8.
        labels: (N,) uint8.
        digits: of a key.
    """

    name: str
    images: HostArray
    labels: HostArray
    digits: int

    def __len__(self) -> int:
        return len(self.labels)

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        """(key, Datum) of each image, byte for byte as the original's converters make them."""
        channels, height, width = self.images.shape[1:]
        datum = Datum(channels=channels, height=height, width=width)
        for index, label in enumerate(self.labels.tolist()):
            datum.data, datum.label = self.images[index].tobytes(), label
            yield b"%0*d" % (self.digits, index), datum.SerializeToString()

    def mean(self) -> HostArray:
        """(C, H, W) float32: the mean of the images, rounded as the original rounds it."""
        total = self.images.sum(0, dtype=np.uint64).astype(np.float32)
        mean: HostArray = total / np.float32(len(self))
        return mean


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
