"""ImageList: image files and labels that a text file lists.

After: src/caffe/layers/image_data_layer.cpp, src/caffe/util/io.cpp.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from minicaffe import log
from minicaffe.data.image import HostArray, Image, Layout
from minicaffe.data.image_file import ImageReader
from minicaffe.data.listing import ENCODING, read_lines
from minicaffe.errors import DataError

Entry = tuple[str, int]


class Line(NamedTuple):
    """A line of a list: its number, the path and the label."""

    number: int
    path: str
    label: int


def read_image_list(name: str, root: str = "") -> list[Line]:
    """The lines ``path label`` of the text file ``name``, split at the last space.

    Args:
        name: the file.
        root: put before each path as it is.

    Raises:
        DataError: it cannot be read or is empty, or a line has no label.
    """
    lines = []
    for number, text in read_lines(name, "an image's path, a space and its label"):
        path, _, label = text.rpartition(" ")
        value = _whole(label)
        if not path or value is None:
            raise DataError(
                f"{text!r}, expected an image's path, a space and a whole number as its label",
                name,
                f"line {number}",
            )
        lines.append(Line(number, root + path.rstrip(), value))
    return lines


def _whole(text: str) -> int | None:
    """The whole number that ``text`` is, as 3 or 3.0; None where it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None


class ImageList:
    """The images of a list, in order or shuffled; see ``Source``.

    Args:
        name: of the list, for errors.
        lines: what it lists.
        seed: of the order of the lines, a new one each time around; None to keep to the list's.
    """

    def __init__(self, name: str, lines: Sequence[Line], seed: int | None = None) -> None:
        self.name = name
        self._lines, self._seed = lines, seed

    def __len__(self) -> int:
        return len(self._lines)

    def records(self, start: int, step: int = 1) -> Iterator[tuple[bytes, Entry]]:
        """(which line, (path, label)) of every ``step``-th from number ``start``, for ever."""
        size, last = len(self._lines), start // len(self._lines)
        order = self._order(last)
        for number in count(start, step):
            epoch, index = divmod(number, size)
            if epoch != last:
                log.info("image_data_layer.cpp:147", "Restarting data prefetching from start.")
                last, order = epoch, self._order(epoch)
            line, path, label = self._lines[index if order is None else order[index]]
            yield f"line {line}, {path}".encode(**ENCODING), (path, label)

    def close(self) -> None:
        """Nothing is open."""

    def _order(self, epoch: int) -> HostArray | None:
        """Which line comes when; None as they are."""
        if self._seed is None:
            return None
        return np.random.default_rng([self._seed, epoch, 2]).permutation(len(self._lines))


class ImageListDecoder:
    """Makes an image of each record of an ``ImageList``.

    Args:
        source: name of the list, for errors.
        color: three channels (blue, green, red); else one, grey.
        size: (height, width) to scale each image to; None leaves it.
    """

    def __init__(self, source: str, *, color: bool, size: tuple[int, int] | None) -> None:
        self._reader = ImageReader(source, color=color)
        self._size = size

    def __call__(self, key: bytes, record: Entry) -> Image:
        """The image in the file that ``record`` names.

        Raises:
            DataError: there is none.
        """
        path, label = record
        pixels: Any = self._reader(path, key)
        if self._size is not None:
            import cv2  # loaded by the reader

            pixels = cv2.resize(pixels, self._size[::-1])
        height, width, channels = pixels.shape if pixels.ndim == 3 else (*pixels.shape, 1)
        layout = Layout(channels, height, width, np.uint8, channels > 1)
        return Image(layout, memoryview(pixels).cast("B"), label)
