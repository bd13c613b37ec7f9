"""Windows of images, sampled and warped for R-CNN detectors.

After: src/caffe/layers/window_data_layer.cpp.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from minicaffe.data.batch import Batch
from minicaffe.data.image import HostArray, key_text
from minicaffe.data.image_file import ImageReader
from minicaffe.data.window_file import CHANNELS, Window, WindowFile
from minicaffe.errors import DataError

PART = 8  # windows that a thread warps at a time


class Place(NamedTuple):
    """Where a window is cut from its image, and where it goes in the output.

    Attributes:
        rows, columns: of the image.
        height, width: to scale that to.
        top, left: rows and columns of padding before it.
    """

    rows: slice
    columns: slice
    height: int
    width: int
    top: int
    left: int


def place(
    box: tuple[int, int, int, int],
    image: tuple[int, int],
    crop: int,
    context_pad: int,
    *,
    square: bool,
    mirrored: bool,
) -> Place | None:
    """How a window becomes ``crop`` x ``crop`` pixels, ``context_pad`` of them surroundings.

    The box, or with ``square`` the tightest square around it, is grown until, once it is scaled
    to ``crop``, there are ``context_pad`` pixels of surroundings on each side. What of it lies
    outside of the image becomes padding. In float32, to round as the original does.

    Args:
        box: as in ``Window``.
        image: (height, width).
        crop: side of the output.
        context_pad: pixels.
        square: do not stretch.
        mirrored: the output is going to be mirrored: padding goes to the other side.

    Returns:
        None where nothing would be left of the image, or where the box has to lie in it, since
        it does not grow, and does not.
    """
    left, top, right, bottom = box
    rows, columns = image
    if not context_pad and not square:
        if left < 0 or top < 0 or right >= columns or bottom >= rows:
            return None
        return Place(slice(top, bottom + 1), slice(left, right + 1), crop, crop, 0, 0)
    scale = np.float32(crop) / np.float32(crop - 2 * context_pad)
    half_height, half_width = np.float32((bottom - top + 1) / 2), np.float32((right - left + 1) / 2)
    y, x = np.float32(top) + half_height, np.float32(left) + half_width
    if square:
        half_height = half_width = max(half_height, half_width)
    vertical = _fit(_round(y - half_height * scale), _round(y + half_height * scale), rows, crop)
    horizontal = _fit(_round(x - half_width * scale), _round(x + half_width * scale), columns, crop)
    height = min(vertical.size, crop - vertical.before)
    before = horizontal.after if mirrored else horizontal.before
    width = min(horizontal.size, crop - before)
    if height < 1 or width < 1:
        return None
    return Place(vertical.part, horizontal.part, height, width, vertical.before, before)


class _Extent(NamedTuple):
    """One axis of a ``Place``: what part of the image, scaled to what size, with what padding."""

    part: slice
    size: int
    before: int
    after: int


def _fit(first: int, last: int, size: int, crop: int) -> _Extent:
    before, after = max(0, -first), max(0, last - size + 1)
    scale = np.float32(crop) / np.float32(last - first + 1)
    first, last = first + before, last - after
    return _Extent(
        slice(first, last + 1),
        _round(np.float32(last - first + 1) * scale),
        _round(np.float32(before) * scale),
        _round(np.float32(after) * scale),
    )


def _round(x: np.float32) -> int:
    """To the nearest, halves away from 0, as C does."""
    return int(math.copysign(math.floor(abs(float(x)) + 0.5), x))


class WindowFiller:
    """Fills batches with windows taken by chance, warped to squares of ``crop``.

    Args:
        windows: to choose from.
        crop: side of the output.
        foreground: how many windows of a batch show an object; they come last.
        context_pad: see ``place``.
        square: see ``place``.
        mirror: turn one window in two.
        mean: (C, crop, crop) or (C, 1, 1), taken off; what lies outside of an image is 0 then.
        scale: a factor.
        cache: keep image files in memory once they are read.
        seed: of what is left to chance.
        rank: which of the processes this is; each has chances of its own.
        ranks: how many there are.
    """

    def __init__(
        self,
        windows: WindowFile,
        crop: int,
        foreground: int,
        *,
        context_pad: int = 0,
        square: bool = False,
        mirror: bool = False,
        mean: HostArray,
        scale: float = 1,
        cache: bool = False,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self._windows, self._crop, self._foreground = windows, crop, foreground
        self._context_pad, self._square, self._mirror = context_pad, square, mirror
        self._mean, self._scale = mean, mean.dtype.type(scale)
        self._seed, self._rank, self._ranks = seed, rank, ranks
        self._reader = ImageReader(windows.name)
        self._cache: dict[str, bytes] | None = {} if cache else None

    def __call__(
        self, batch: Batch, number: int, stopped: Callable[[], bool]
    ) -> list[Callable[[], None]]:
        """Parts that fill ``batch`` as the ``number``-th, from 0; half done when ``stopped``.

        Raises:
            DataError: from a part, an image cannot be read, or a window lies outside of it.
        """
        size = len(batch.labels)
        rng = np.random.default_rng([self._seed, number * self._ranks + self._rank])
        chances = rng.random((size, 2))
        batch.fit((CHANNELS, self._crop, self._crop))
        return [
            partial(self._fill, batch, chances, range(begin, min(begin + PART, size)), stopped)
            for begin in range(0, size, PART)
        ]

    def _fill(
        self, batch: Batch, chances: HostArray, part: range, stopped: Callable[[], bool]
    ) -> None:
        for index in part:
            if stopped():
                return
            which, turn = chances[index]
            is_background = index < len(batch.labels) - self._foreground
            kind = self._windows.background if is_background else self._windows.foreground
            window = kind[int(which * len(kind))]
            batch.labels[index] = window.label
            self.warp(window, batch.data[index], mirrored=self._mirror and turn < 0.5)

    def warp(self, window: Window, y: HostArray, *, mirrored: bool) -> None:
        """Write the pixels of ``window`` to ``y`` (C, crop, crop)."""
        import cv2  # takes 0.1 s to load: most nets read databases

        key = self._windows.key(window)
        image = self._image(self._windows.images[window.image], key)
        found = place(
            window.box,
            image.shape[:2],
            self._crop,
            self._context_pad,
            square=self._square,
            mirrored=mirrored,
        )
        if found is None:
            height, width = image.shape[:2]
            raise DataError(
                f"window is {' '.join(map(str, window.box))}, expected one inside its image, "
                f"0 0 {width - 1} {height - 1}",
                self._windows.name,
                key_text(key),
            )
        pixels = cv2.resize(image[found.rows, found.columns], (found.width, found.height))
        if mirrored:
            pixels = pixels[:, ::-1]
        part = (
            slice(None),
            slice(found.top, found.top + found.height),
            slice(found.left, found.left + found.width),
        )
        y[...] = 0
        mean = self._mean[part] if self._mean[0].size > 1 else self._mean
        y[part] = (pixels.transpose(2, 0, 1) - mean) * self._scale

    def close(self) -> None:
        """Nothing is open."""

    def _image(self, path: str, key: bytes) -> HostArray:
        if self._cache is None:
            return self._reader(path, key)
        if path not in self._cache:
            self._cache[path] = self._reader.read(path, key)
        return self._reader.decode(self._cache[path], key)
