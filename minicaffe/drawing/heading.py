"""Heading: a picture's title, what it says of itself, and what its colours mean."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from minicaffe.drawing.graph import Graph
from minicaffe.drawing.kinds import FILLS
from minicaffe.drawing.picture import Line, PlacedText, Swatch
from minicaffe.drawing.text import shortened, width

_TITLE, _SMALL = 19.0, 11.5
_NARROWEST = 460.0  # a chain is narrower than its legend
_SQUARE = 11.0
_NOTES = 4
_LONGEST, _MOST = 90, 3  # characters of a line, and lines of a note


@dataclass(frozen=True)
class Heading:
    """Its texts and its legend; it takes the picture's first ``height`` pixels."""

    texts: tuple[PlacedText, ...]
    swatches: tuple[Swatch, ...]
    width: float
    height: float


def heading(graph: Graph, width_below: float, margin: float) -> Heading:
    """The heading of a picture that is ``width_below`` wide without its margins."""
    lines = [Line(shortened(graph.title, 60), _TITLE, bold=True)] if graph.title else []
    small = [graph.subtitle, *graph.notes[:_NOTES]]
    if len(graph.notes) > _NOTES:
        small.append(f"and {len(graph.notes) - _NOTES} more")
    wrapped = [line for text in small for line in _wrapped(text)]
    lines += [Line(text, _SMALL, faint=True) for text in wrapped]
    wide = max([_NARROWEST, *(width(ln.text, ln.size, bold=ln.bold) for ln in lines)])
    wide = min(max(wide, width_below), max(width_below, 1000.0))
    y, texts = margin, []
    for line in lines:
        y += line.size * 1.35
        texts.append(PlacedText(margin, y - line.size * 0.3, line))
    y += 8
    used = {part.kind for box in graph.boxes for part in box.parts} - {"output"}
    swatches: list[Swatch] = []
    x = margin
    for kind in (kind for kind in FILLS if kind in used):
        step = _SQUARE + 5 + width(kind, _SMALL) + 16
        if x + step > margin + wide and x > margin:
            x, y = margin, y + 19
        text = PlacedText(x + _SQUARE + 5, y + 14, Line(kind, _SMALL))
        swatches.append(Swatch(x, y + 4, FILLS[kind], text))
        x += step
    return Heading(tuple(texts), tuple(swatches), wide, y + (19 if swatches else 0) + 22)


def _wrapped(note: str) -> list[str]:
    return textwrap.wrap(note, _LONGEST, max_lines=_MOST, placeholder=" ...")
