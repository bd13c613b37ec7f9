"""Image files, as OpenCV decodes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minicaffe.data.image import HostArray, key_text
from minicaffe.errors import DataError


class ImageReader:
    """Reads the image files that a list names.

    Args:
        source: name of the list, for errors.
        color: three channels (blue, green, red) of every image; else one, grey.
    """

    def __init__(self, source: str, *, color: bool = True) -> None:
        self._source, self._color = source, color

    def __call__(self, path: str, key: bytes) -> HostArray:
        """(H, W, 3), or (H, W) where grey: the pixels of the file ``path``, uint8.

        Args:
            path: the file.
            key: says where the list names it, for errors.

        Raises:
            DataError: it cannot be read, or OpenCV cannot decode it.
        """
        return self.decode(self.read(path, key), key)

    def read(self, path: str, key: bytes) -> bytes:
        """What is in the file ``path``."""
        try:
            return Path(path).read_bytes()
        except OSError as error:
            where = "" if Path(path).is_absolute() else f", looked for in {Path.cwd()}"
            raise DataError(
                f"image cannot be read: {error.strerror or error}{where}",
                self._source,
                key_text(key),
            ) from error

    def decode(self, data: bytes, key: bytes) -> HostArray:
        """The pixels of the image file ``data``."""
        import cv2  # takes 0.1 s to load: most nets read databases

        pixels: HostArray | None = None
        reason = ": damaged?"
        if data:
            flag = cv2.IMREAD_COLOR if self._color else cv2.IMREAD_GRAYSCALE
            try:
                pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
            except cv2.error as error:  # a size that it refuses to make room for, say
                reason = f": {' '.join(str(error).split())}"
        if pixels is None:
            raise DataError(
                f"{len(data)} bytes are no image that OpenCV can decode{reason}",
                self._source,
                key_text(key),
            )
        return pixels
