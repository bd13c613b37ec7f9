"""A picture: what the layout makes and the writers write; lengths are pixels, from the top left."""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A line of text.

    Attributes:
        text: what it says.
        size: of its font.
        bold: it is a name.
        faint: it is less important.
    """

    text: str
    size: float
    bold: bool = False
    faint: bool = False


@dataclass(frozen=True)
class Section:
    """A layer's part of a box: so high, on its own colour, with its lines below each other."""

    height: float
    fill: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class PlacedBox:
    """A box of the graph: where it is, how large, its sections from the top."""

    index: int
    x: float
    y: float
    width: float
    height: float
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class PlacedText:
    """A line that starts, ends, or has its "middle" at x, as ``anchor`` says; y is its base."""

    x: float
    y: float
    line: Line
    anchor: str = "start"


@dataclass(frozen=True)
class Swatch:
    """An entry of the legend: a square of a colour, and what has this colour."""

    x: float
    y: float
    fill: str
    text: PlacedText


@dataclass(frozen=True)
class Curve:
    """The way of a blob to a reader; ``steps`` are lines (1 point) and cubic curves (3 points).

    Attributes:
        source, target: the boxes it joins.
        blob: its name.
        start: its first point.
        steps: each goes on from the last point of the one before.
    """

    source: int
    target: int
    blob: str
    start: Point
    steps: tuple[tuple[Point, ...], ...]


@dataclass(frozen=True)
class Picture:
    """All of it; ``name`` says what is drawn."""

    name: str
    width: float
    height: float
    boxes: tuple[PlacedBox, ...]
    curves: tuple[Curve, ...]
    texts: tuple[PlacedText, ...]
    labels: tuple[PlacedText, ...]
    swatches: tuple[Swatch, ...]
