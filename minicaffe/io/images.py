"""Image files as arrays of floats, and the crops of an image that a classifier averages over.

After: python/caffe/io.py and the scikit-image 0.9 to 0.14 that it reads files with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from minicaffe.blob_proto import HostArray
from minicaffe.errors import ArrayError, DataError

_LUMINANCE = 0.2125, 0.7154, 0.0721  # of red, green and blue, as scikit-image weighs them


class ImageFileError(DataError, OSError):
    """An image file is missing, or is none."""


def load_image(filename: str | Path | BinaryIO, color: bool = True) -> HostArray:
    """(H, W, 3) float32, red, green, blue from 0 to 1; (H, W, 1) where not ``color``.

    Whole numbers are divided by the largest of their type, floats stay as they are. An alpha
    channel is left out; a note of how to turn the picture (EXIF) is not followed, as in the
    original.

    Args:
        filename: of an image that OpenCV can decode; or an open binary file.
        color: make three channels of a gray image; else make a colour image gray.

    Raises:
        ImageFileError: it cannot be read or decoded.
    """
    pixels = _pixels(filename)
    scale = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "ui" else 1
    image = pixels.astype(np.float64) / scale
    if image.ndim == 3:
        image = image[..., 2::-1]
        if not color:
            image = image @ np.array(_LUMINANCE)
    if image.ndim == 2:
        image = np.repeat(image[..., np.newaxis], 3 if color else 1, axis=2)
    return np.ascontiguousarray(image, np.float32)


def oversample(images: Iterable[HostArray], crop_dims: Sequence[int]) -> HostArray:
    """(10 N, h, w, K) float32: of each image its corners, its middle, and their mirror images.

    The order is top left, top right, bottom left, bottom right, middle; then the same mirrored.

    Args:
        images: N of one size, each (H, W, K).
        crop_dims: h and w.

    Raises:
        ArrayError: there are none, they differ in size, or are smaller than the crops.
    """
    images = list(images)
    shapes = {np.shape(image) for image in images}
    if len(shapes) != 1 or len(shape := min(shapes)) != 3:
        raise ArrayError(
            f"images have shapes {', '.join(map(str, sorted(shapes))) or '(none is given)'}, "
            "expected one shape for all, (H, W, K)"
        )
    height, width = (int(size) for size in crop_dims)
    down, right = shape[0] - height, shape[1] - width
    if min(down, right) < 0:
        raise ArrayError(f"crops are {height} x {width}, expected at most {shape[0]} x {shape[1]}")
    corners = [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)]
    crops = np.empty((len(images), 2, 5, height, width, shape[2]), np.float32)
    for image, ten in zip(images, crops, strict=True):
        for index, (top, left) in enumerate(corners):
            ten[0, index] = image[top : top + height, left : left + width]
    crops[:, 1] = crops[:, 0, :, :, ::-1]
    return crops.reshape(-1, *crops.shape[3:])


def _pixels(filename: str | Path | BinaryIO) -> HostArray:
    """As OpenCV decodes the file: (H, W), or (H, W, 3 or 4) from blue to red."""
    import cv2  # takes 0.1 s to load

    if isinstance(filename, str | Path):
        name = str(filename)
        try:
            data = Path(filename).expanduser().read_bytes()
        except OSError as error:
            where = "" if Path(filename).is_absolute() else f", looked for in {Path.cwd()}"
            raise ImageFileError(
                f"image cannot be read: {error.strerror or error}{where}", name
            ) from error
    else:
        name, data = str(getattr(filename, "name", "")), filename.read()
    pixels: HostArray | None = None
    reason = "damaged?"
    if data:
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error as error:  # a size that it refuses to make room for, say
            reason = " ".join(str(error).split())
    if pixels is None:
        raise ImageFileError(
            f"{len(data)} bytes are no image that OpenCV can decode: {reason}", name
        )
    return pixels
