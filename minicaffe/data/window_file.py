"""WindowFile: images and windows of them that a text file lists.

After: src/caffe/layers/window_data_layer.cpp.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from minicaffe.data.listing import ENCODING, read_lines
from minicaffe.errors import DataError

CHANNELS = 3  # images are read in colour
LIMIT = 1 << 31


class Window(NamedTuple):
    """Part of an image, and what is in it.

    Attributes:
        image: number of the image.
        label: class; 0 is background.
        box: first column, first row, last column and last row.
        line: of the file.
    """

    image: int
    label: int
    box: tuple[int, int, int, int]
    line: int


class Windows:
    """Windows of one kind, kept small: there may be ten million."""

    def __init__(self) -> None:
        self._numbers = array("i")

    def __len__(self) -> int:
        return len(self._numbers) // 7

    def __getitem__(self, index: int) -> Window:
        image, label, line, *box = self._numbers[7 * index : 7 * index + 7]
        return Window(image, label, (box[0], box[1], box[2], box[3]), line)

    def add(self, window: Window) -> None:
        """Put ``window`` at the end."""
        self._numbers.extend((window.image, window.label, window.line, *window.box))


class WindowFile:
    """A text file that lists images and windows of each.

    An image is ``# number``, path, channels, height, width and the number of its windows; then
    come those: label, overlap with an object, and the box. All are words with spaces or line
    ends between them.

    Args:
        name: the file.
        root: put before each path as it is.
        fg_threshold: a window is foreground if it overlaps this much,
        bg_threshold: else background if it overlaps less than this, else left out.

    Attributes:
        images: their paths.
        foreground: windows with a label over 0.
        background: windows whose label is 0, whatever the file says.

    Raises:
        DataError: it cannot be read, or is no such file.
    """

    def __init__(self, name: str, root: str, fg_threshold: float, bg_threshold: float) -> None:
        self.name = name
        self.images: list[str] = []
        self.foreground, self.background = Windows(), Windows()
        self._line, self._last = 0, ""
        words = self._words()
        for mark in words:
            if mark != "#":
                raise self._error("'#' and an image's number", repr(mark))
            self._integer(words)  # which the original trusts to be the image's place
            self.images.append(root + self._next(words, "an image's path"))
            channels, _height, _width = (self._integer(words) for _ in range(3))
            if channels != CHANNELS:
                raise self._error(f"{CHANNELS} channels, as images are read in colour", channels)
            for _ in range(self._integer(words)):
                self._sort(words, fg_threshold, bg_threshold)

    def key(self, window: Window) -> bytes:
        """Where the file lists ``window``, for errors."""
        return f"line {window.line}, {self.images[window.image]}".encode(**ENCODING)

    def _sort(self, words: Iterator[str], fg_threshold: float, bg_threshold: float) -> None:
        """Read one window and keep it where it belongs."""
        label, line = self._integer(words), self._line
        overlap = np.float32(self._number(words))
        left, top, right, bottom = (self._integer(words) for _ in range(4))
        is_foreground = overlap >= np.float32(fg_threshold)
        if not is_foreground and not overlap < np.float32(bg_threshold):
            return
        if is_foreground and label < 1:
            raise self._error("a label of at least 1, as it overlaps an object", label)
        if right < left or bottom < top:
            raise self._error(
                "a box of at least one pixel: first column and row, last column and row",
                f"{left} {top} {right} {bottom}",
            )
        box = left, top, right, bottom
        image = len(self.images) - 1
        if is_foreground:
            self.foreground.add(Window(image, label, box, line))
        else:
            self.background.add(Window(image, 0, box, line))

    def _words(self) -> Iterator[str]:
        for number, line in read_lines(self.name, "images and their windows"):
            self._line = number
            yield from line.split()

    def _next(self, words: Iterator[str], what: str) -> str:
        self._last = next(words, "")
        if not self._last:
            raise self._error(what, "the end")
        return self._last

    def _integer(self, words: Iterator[str]) -> int:
        word = self._next(words, "a whole number")
        try:
            if -LIMIT < (value := int(word)) < LIMIT:
                return value
        except ValueError:
            pass
        raise self._error("a whole number of 32 bits")

    def _number(self, words: Iterator[str]) -> float:
        word = self._next(words, "a number")
        try:
            return float(word)
        except ValueError:
            raise self._error("a number") from None

    def _error(self, expected: str, found: object = None) -> DataError:
        found = repr(self._last) if found is None else found
        return DataError(f"found {found}, expected {expected}", self.name, f"line {self._line}")
