"""A picture of samples: a row for each label, or one after the other where labels are vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minicaffe.data.image import HostArray, Image
from minicaffe.errors import DataError
from minicaffe.files import replacing

TILE = 96  # pixels of a sample's longer side, at most
GAP = 4
LINE = 18  # pixels of a line of text
INK, PALE, PAPER = (40, 40, 40), (130, 130, 130), 255
SCALE = 0.45  # of OpenCV's font
Label = int | tuple[float, ...]


@dataclass
class _Row:
    seen: int = 0
    tiles: list[tuple[Label, HostArray]] = field(default_factory=list)


class ContactSheet:
    """Keeps a few samples of each label, each as likely as any other, in bounded memory.

    Args:
        rows: labels to show, the lowest ones.
        columns: samples of each.
        rgb: the channels of raw records are red, green, blue, not blue, green, red.
    """

    def __init__(self, rows: int, columns: int, *, rgb: bool = False) -> None:
        self.rows, self.columns, self.rgb = rows, columns, rgb
        self._rng = np.random.default_rng(0)
        self._kept: dict[int | None, _Row] = {}
        self._slot: tuple[_Row, int] | None = None

    def wants(self, label: Label) -> bool:
        """Whether the next sample, of ``label``, is taken; if so, ``add`` follows."""
        self._slot = None
        key = None if isinstance(label, tuple) else label
        row = self._row(key)
        if row is None:
            return False
        room = self.columns * (self.rows if key is None else 1)
        place = row.seen if row.seen < room else int(self._rng.integers(row.seen + 1))
        row.seen += 1
        if place < room:
            self._slot = row, place
        return place < room

    def add(self, label: Label, image: Image, *, encoded: bool) -> None:
        """Take the sample that was wanted."""
        if self._slot is not None:
            row, place = self._slot
            row.tiles[place : place + 1] = [(label, tile(image, rgb=self.rgb and not encoded))]

    def write(self, path: str | Path, title: str) -> None:
        """Draw the samples to the PNG file ``path``.

        Raises:
            DataError: there is none.
            WeightsError: it cannot be written.
        """
        import cv2

        if not any(row.tiles for row in self._kept.values()):
            raise DataError("no image to draw", str(path))
        done, png = cv2.imencode(".png", self._drawn(title))
        if not done:
            raise DataError("OpenCV cannot encode it", str(path))
        with replacing(path) as temporary:
            temporary.write_bytes(png.tobytes())

    def _row(self, key: int | None) -> _Row | None:
        """The row of ``key``; None where it is beyond those to show."""
        row = self._kept.get(key)
        if row is None:
            labels = [kept for kept in self._kept if kept is not None]
            if key is not None and len(labels) == self.rows:
                if key > max(labels):
                    return None
                del self._kept[max(labels)]
            row = self._kept[key] = _Row()
        return row

    def _drawn(self, title: str) -> HostArray:
        rows = list(self._lines())
        side = max(max(pixels.shape[:2]) for *_, tiles in rows for _, pixels in tiles)
        step = side + GAP
        height = step + (LINE if None in self._kept else 0)  # vectors stand below
        left = GAP + max(max(_width(text) + 2 * GAP for text in each[:2]) for each in rows)
        columns = max(len(tiles) for *_, tiles in rows)
        width = max(left + columns * step, _width(title) + 2 * GAP)
        sheet = np.full((LINE + 2 * GAP + len(rows) * height, width, 3), PAPER, np.uint8)
        _text(sheet, title, GAP, LINE - GAP)
        for number, (label_text, count, tiles) in enumerate(rows):
            top = LINE + GAP + number * height
            _text(sheet, label_text, GAP, top + side // 2)
            _text(sheet, count, GAP, top + side // 2 + LINE, PALE)
            for column, (label, pixels) in enumerate(tiles):
                x = left + column * step
                y = top + (side - pixels.shape[0]) // 2
                indent = x + (side - pixels.shape[1]) // 2
                sheet[y : y + pixels.shape[0], indent : indent + pixels.shape[1]] = pixels
                if isinstance(label, tuple):
                    _text(sheet, _fitted(label, side), x, y + pixels.shape[0] + LINE - GAP)
        return sheet

    def _lines(self) -> Iterator[tuple[str, str, list[tuple[Label, HostArray]]]]:
        """For each row of the picture its label, how many records have it, and the samples."""
        for key in sorted(self._kept, key=lambda key: (key is None, key or 0)):
            row = self._kept[key]
            if key is not None and row.tiles:
                yield str(key), f"{row.seen:,}", row.tiles
            for start in range(0, len(row.tiles) if key is None else 0, self.columns):
                yield "", "", row.tiles[start : start + self.columns]


def tile(image: Image, *, rgb: bool) -> HostArray:
    """``image`` as (h, w, 3) uint8: blue, green, red; no side is over ``TILE``."""
    import cv2

    pixels: Any = np.frombuffer(image.data, image.layout.dtype).reshape(image.layout.shape)
    if not image.layout.interleaved:
        pixels = pixels.transpose(1, 2, 0)
    pixels = pixels[:, :, : 3 if pixels.shape[2] > 2 else 1]
    if pixels.dtype != np.uint8:
        pixels = _bytes(pixels)
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    elif rgb:
        pixels = pixels[:, :, ::-1]
    height, width = pixels.shape[:2]
    longer = max(height, width)
    if longer <= TILE:
        times = TILE // longer
        large: HostArray = pixels.repeat(times, axis=0).repeat(times, axis=1)
        return large
    size = max(1, width * TILE // longer), max(1, height * TILE // longer)
    small: HostArray = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    return small


def _bytes(values: HostArray) -> HostArray:
    """Numbers from their least to their greatest as 0 to 255; what is none as 0."""
    values = np.nan_to_num(values.astype(np.float64), nan=0, posinf=0, neginf=0)
    low, high = values.min(), values.max()
    scaled: HostArray = (values - low) * (255 / (high - low or 1))
    return scaled.astype(np.uint8)


def _fitted(label: tuple[float, ...], width: int) -> str:
    """As much of ``label`` as ``width`` pixels show."""
    words = [f"{value:.2g}" for value in label]
    text = " ".join(words)
    while _width(text) > width and words:
        words.pop()
        text = " ".join([*words, "..."])
    return text


def _width(text: str) -> int:
    import cv2

    width: int = cv2.getTextSize(_ascii(text), cv2.FONT_HERSHEY_SIMPLEX, SCALE, 1)[0][0]
    return width


def _text(sheet: HostArray, text: str, x: int, y: int, ink: tuple[int, int, int] = INK) -> None:
    import cv2

    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(sheet, _ascii(text), (x, y), font, SCALE, ink, 1, cv2.LINE_AA)


def _ascii(text: str) -> str:
    """OpenCV's font has no other letters."""
    return text.encode("ascii", "replace").decode()
