"""ImageList: image files and labels that a text file lists.

After: src/caffe/layers/image_data_layer.cpp, src/caffe/util/io.cpp.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple, TypeVar

import numpy as np

from minicaffe import glog
from minicaffe.data.image import HostArray, Image, Layout
from minicaffe.data.image_file import ImageReader
from minicaffe.data.listing import ENCODING, read_lines
from minicaffe.errors import DataError

T = TypeVar("T")
Label = float | tuple[float, ...]
Entry = tuple[str, Label]


class Line(NamedTuple):
    """A line of a list: its number, the path and the label, or labels."""

    number: int
    path: str
    label: Label


def read_image_list(
    name: str,
    root: str = "",
    labels: int = 0,
    bad: Callable[[bytes, DataError], None] | None = None,
) -> list[Line]:
    """The lines ``path label`` of the text file ``name``, split at the last space.

    Args:
        name: the file.
        root: put before each path as it is.
        labels: how many numbers follow the path, between spaces or tabs; 0 for one whole number.
        bad: called with a line that has no such label, which is left out then; None raises.

    Raises:
        DataError: it cannot be read or is empty, or a line has no label.
    """
    lines = []
    for number, text in read_lines(name, "an image's path, a space and its label"):
        found = _numbers(text, labels) if labels else _whole(text)
        if found is not None:
            path, label = found
            lines.append(Line(number, root + path.rstrip(), label))
            continue
        error = DataError(f"{text!r}, expected {_expected(labels)}", name, f"line {number}")
        if bad is None:
            raise error
        bad(f"line {number}".encode(), error)
    if not lines:
        raise DataError(f"no line is left, expected {_expected(labels)} in each", name)
    return lines


def _expected(labels: int) -> str:
    if labels == 0:
        return "an image's path, a space and a whole number as its label"
    return f"an image's path and {labels} number(s), as label_dim says"


def _whole(text: str) -> tuple[str, Label] | None:
    """The path and the whole number, as 3 or 3.0, that ``text`` is; None where it is not."""
    path, _, label = text.rpartition(" ")
    value = _number(label)
    return (path, int(value)) if path and value is not None and value.is_integer() else None


def _numbers(text: str, count: int) -> tuple[str, Label] | None:
    """The path and the ``count`` numbers that ``text`` is; None where it is not."""
    path, *words = text.rsplit(None, count)
    values = [value for word in words if (value := _number(word)) is not None]
    if len(values) != count:
        return None
    return path, values[0] if count == 1 else tuple(values)


def _number(text: str) -> float | None:
    """The finite number that ``text`` is; None where it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


class ImageList:
    """The images of a list, in order or shuffled; see ``IndexedSource``.

    Args:
        name: of the list, for errors.
        lines: what it lists.
        seed: of the order of the lines, a new one each time around; None to keep to the list's.
        root: what has been put before each path.
    """

    def __init__(
        self, name: str, lines: Sequence[Line], seed: int | None = None, root: str = ""
    ) -> None:
        self.name = name
        self._lines, self._seed, self._root = lines, seed, root

    def __len__(self) -> int:
        return len(self._lines)

    def records(self, start: int, step: int = 1) -> Iterator[tuple[bytes, Entry]]:
        """(which line, (path, label)) of every ``step``-th from number ``start``, for ever."""
        size, last = len(self._lines), start // len(self._lines)
        order = self._order(last)
        for number in count(start, step):
            epoch, index = divmod(number, size)
            if epoch != last:
                glog.info("image_data_layer.cpp:147", "Restarting data prefetching from start.")
                last, order = epoch, self._order(epoch)
            yield self._record(index if order is None else int(order[index]))

    def select(self, numbers: Iterable[int]) -> Iterator[tuple[bytes, Entry]]:
        """(which line, (path, label)) of each of ``numbers``, in the list's own order."""
        return map(self._record, numbers)

    def keys(self) -> Iterator[bytes]:
        """The path of each as it is listed: a share has the same files wherever they lie."""
        return (line.path.removeprefix(self._root).encode(**ENCODING) for line in self._lines)

    def scan(self, look: Callable[[bytes, Entry], T]) -> Iterator[T]:
        """``look`` of each record, in the list's own order."""
        return (look(*self._record(index)) for index in range(len(self)))

    def expect(self, first: int, last: int) -> None:
        """Nothing is read here."""

    def close(self) -> None:
        """Nothing is open."""

    def _record(self, index: int) -> tuple[bytes, Entry]:
        line, path, label = self._lines[index]
        return f"line {line}, {path}".encode(**ENCODING), (path, label)

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
        """The image in the file that ``record`` names; several labels are an array.

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
        labels: float | HostArray = np.array(label) if isinstance(label, tuple) else label
        return Image(layout, memoryview(pixels).cast("B"), labels)
