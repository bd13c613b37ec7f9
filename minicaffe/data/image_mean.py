"""The mean image of a database, as ``mean_file`` names it.

After: tools/compute_image_mean.cpp. Differences: sums are exact, where float32 rounds those of
more than 65,793 images; and every image must have the first one's size, not only as many bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minicaffe.blob_proto import array_to_proto
from minicaffe.data.image import HostArray, Image, Layout, key_text
from minicaffe.errors import DataError
from minicaffe.files import replacing
from minicaffe.proto.minicaffe_pb2 import BlobProto


class ImageMean:
    """Adds up images of one size.

    Args:
        source: name of the database, for errors.

    Attributes:
        count: how many images have been added.
    """

    def __init__(self, source: str) -> None:
        self.count = 0
        self._source = source
        self._first: tuple[Layout, bytes] | None = None
        # one for each order of the axes, so that pixels are added as they lie in memory
        self._sums: dict[bool, HostArray] = {}

    def add(self, key: bytes, image: Image) -> None:
        """Add the image of the record ``key``.

        Raises:
            DataError: it has another size than the first.
        """
        layout = image.layout
        expected, first = self._first = self._first or (layout, key)
        if layout[:3] != expected[:3]:
            raise DataError(
                f"image is {layout}, expected {expected} as of {key_text(first)}: "
                "a mean is that of images of one size",
                self._source,
                key_text(key),
            )
        pixels: HostArray = np.frombuffer(image.data, layout.dtype).reshape(layout.shape)
        total = self._sums.get(layout.interleaved)
        if total is None:
            total = self._sums[layout.interleaved] = np.zeros(layout.shape)
        total += pixels
        self.count += 1

    def mean(self) -> HostArray:
        """(C, H, W) float32: the mean of what has been added.

        Raises:
            DataError: nothing has been.
        """
        if not self.count:
            raise DataError("none of its images can be read", self._source)
        whole = sum(
            np.moveaxis(total, -1, 0) if interleaved else total
            for interleaved, total in self._sums.items()
        )
        return np.ascontiguousarray(np.asarray(whole) / self.count, np.float32)


def write_mean(path: str | Path, mean: HostArray) -> None:
    """Write ``mean`` (C, H, W) to the file ``path``, in the form of four axes that Caffe reads.

    Raises:
        WeightsError: it cannot be written; what was there is as it was.
    """
    channels, height, width = mean.shape
    proto = BlobProto(num=1, channels=channels, height=height, width=width)
    proto = array_to_proto(mean, proto=proto)
    proto.ClearField("shape")
    with replacing(path) as temporary:
        temporary.write_bytes(proto.SerializeToString())
