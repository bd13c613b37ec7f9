"""PNG: a picture as pixels, drawn by OpenCV.

OpenCV 5 has fonts of its own with all of Unicode; in 4, whose strokes know ASCII alone, other
characters become question marks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from minicaffe.device import Array
from minicaffe.drawing.kinds import darker
from minicaffe.drawing.picture import Curve, Line, Picture, PlacedBox, PlacedText, Point
from minicaffe.drawing.sections import baselines
from minicaffe.drawing.text import width
from minicaffe.errors import MinicaffeError

MOST_PIXELS = 48e6  # 140 MB while it is drawn
_SHIFT = 4  # OpenCV's coordinates are whole numbers of 1/16 of a pixel here
_ROUND = 6.0
_EDGE = "#66707d"
_INK, _FAINT = "#1f2733", "#4b5563"


def png(picture: Picture, scale: float = 2.0) -> bytes:
    """``picture`` as a PNG file, ``scale`` pixels to a pixel, or as many as are allowed."""
    import cv2

    area = picture.width * picture.height
    canvas = _Canvas(picture, min(scale, math.sqrt(MOST_PIXELS / area)))
    done, data = cv2.imencode(".png", canvas.image, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise MinicaffeError(f"OpenCV cannot encode a picture of {canvas.image.shape} pixels")
    return bytes(data)


class _Canvas:
    """An image, drawn on when it is made."""

    def __init__(self, picture: Picture, scale: float) -> None:
        import cv2

        self.cv2, self.scale = cv2, scale
        size = (math.ceil(picture.height * scale), math.ceil(picture.width * scale), 3)
        self.image = np.full(size, 255, np.uint8)
        for text in picture.texts:
            self._text(text)
        for swatch in picture.swatches:
            corners = _rounded(swatch.x, swatch.y, swatch.x + 11, swatch.y + 11, 2.5, 2.5)
            self._fill(corners, swatch.fill)
            self._stroke(corners, darker(swatch.fill), 1.0, closed=True)
            self._text(swatch.text)
        for curve in picture.curves:
            self._curve(curve)
        for label in picture.labels:
            self._text(label)
        for box in picture.boxes:
            self._box(box)

    def _box(self, box: PlacedBox) -> None:
        x0, x1, y = box.x, box.x + box.width, box.y
        for number, section in enumerate(box.sections):
            top = 0.0 if number else _ROUND
            bottom = _ROUND if number == len(box.sections) - 1 else 0.0
            self._fill(_rounded(x0, y, x1, y + section.height, top, bottom), section.fill)
            if number:
                self._stroke([(x0, y), (x1, y)], darker(section.fill, 0.8), 0.8)
            for base, line in zip(baselines(section), section.lines, strict=True):
                self._text(PlacedText(box.x + box.width / 2, y + base, line, "middle"))
            y += section.height
        frame = _rounded(x0, box.y, x1, y, _ROUND, _ROUND)
        self._stroke(frame, darker(box.sections[0].fill), 1.2, closed=True)

    def _curve(self, curve: Curve) -> None:
        points = _flattened(curve)
        self._stroke(points, _EDGE, 1.1)
        (x0, y0), (x1, y1) = points[-2], points[-1]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        dx, dy = (x1 - x0) / length, (y1 - y0) / length
        back = x1 - 8 * dx, y1 - 8 * dy
        sides = [(back[0] - 3.8 * dy * side, back[1] + 3.8 * dx * side) for side in (1, -1)]
        self._fill([(x1, y1), *sides], _EDGE)

    def _fill(self, points: Sequence[Point], colour: str) -> None:
        fixed = self._fixed(points)
        self.cv2.fillPoly(self.image, [fixed], _bgr(colour), self.cv2.LINE_AA, _SHIFT)

    def _stroke(
        self, points: Sequence[Point], colour: str, thickness: float, *, closed: bool = False
    ) -> None:
        pixels = max(1, round(thickness * self.scale))
        fixed = self._fixed(points)
        self.cv2.polylines(
            self.image, [fixed], closed, _bgr(colour), pixels, self.cv2.LINE_AA, _SHIFT
        )

    def _fixed(self, points: Iterable[Point]) -> Array:
        scaled = [[round(v * self.scale * 2**_SHIFT) for v in point] for point in points]
        return np.array(scaled, np.int32).reshape(-1, 1, 2)

    def _text(self, text: PlacedText) -> None:
        line = text.line
        if not line.text:
            return
        write = _unicode if hasattr(self.cv2, "FontFace") else _strokes
        at = text.x * self.scale, text.y * self.scale
        write(self, line, at, {"start": 0.0, "middle": 0.5, "end": 1.0}[text.anchor])


def _unicode(canvas: _Canvas, line: Line, at: Point, share: float) -> None:
    """Write with OpenCV's own fonts; ``share`` of the text is left of ``at``."""
    cv2, face = canvas.cv2, _face()
    size, weight = max(1, round(line.size * canvas.scale)), 650 if line.bold else 400
    room = width(line.text, line.size, bold=line.bold) * canvas.scale
    while True:
        wide = cv2.getTextSize((0, 0), line.text, (0, 0), face, size, weight)[2]
        if wide <= room + 2 or size <= 2:
            break
        size -= 1
    spot = round(at[0] - share * wide), round(at[1])
    cv2.putText(canvas.image, line.text, spot, _bgr(_ink(line)), face, size, weight)


def _strokes(canvas: _Canvas, line: Line, at: Point, share: float) -> None:
    """Write with OpenCV's strokes, as large as there is room for."""
    cv2 = canvas.cv2
    text = line.text.encode("ascii", "replace").decode()
    font, thick = cv2.FONT_HERSHEY_DUPLEX, max(1, round(line.size * canvas.scale / 20))
    thick += line.bold and canvas.scale > 1
    (wide, _), _ = cv2.getTextSize(text, font, 1.0, thick)
    room = width(line.text, line.size, bold=line.bold) * canvas.scale
    size = min(line.size * canvas.scale / 30, room / wide)
    spot = round(at[0] - share * wide * size), round(at[1])
    cv2.putText(canvas.image, text, spot, font, size, _bgr(_ink(line)), thick, cv2.LINE_AA)


@cache
def _face() -> Any:
    import cv2

    return cv2.FontFace("sans")


def _ink(line: Line) -> str:
    return _FAINT if line.faint else _INK


def _bgr(colour: str) -> tuple[int, int, int]:
    return int(colour[5:7], 16), int(colour[3:5], 16), int(colour[1:3], 16)


def _rounded(x0: float, y0: float, x1: float, y1: float, top: float, bottom: float) -> list[Point]:
    """The corners of a box, clockwise; those at the top and at the bottom are so round."""
    points: list[Point] = []
    for x, y, radius, turn in (
        (x0 + top, y0 + top, top, 2),
        (x1 - top, y0 + top, top, 3),
        (x1 - bottom, y1 - bottom, bottom, 0),
        (x0 + bottom, y1 - bottom, bottom, 1),
    ):
        for step in range(7) if radius else range(1):
            angle = (turn + step / 6) * math.pi / 2
            points.append((x + radius * math.cos(angle), y + radius * math.sin(angle)))
    return points


def _flattened(curve: Curve) -> list[Point]:
    """The points of ``curve``, its cubic steps by 24 lines each."""
    points = [curve.start]
    for step in curve.steps:
        if len(step) == 1:
            points.append(step[0])
            continue
        nodes = [points[-1], *step]
        for number in range(1, 25):
            t = number / 24
            share = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            points.append(
                (
                    sum(s * node[0] for s, node in zip(share, nodes, strict=True)),
                    sum(s * node[1] for s, node in zip(share, nodes, strict=True)),
                )
            )
    return points
