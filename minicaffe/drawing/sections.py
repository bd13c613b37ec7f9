"""Sections: the lines of text in a box, and the room they need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from minicaffe.drawing.graph import Box, Part
from minicaffe.drawing.kinds import FILLS
from minicaffe.drawing.picture import Line, Section
from minicaffe.drawing.text import shortened, width

NAME, SMALL = 13.0, 11.0
_LEADING = 1.32  # from line to line, in sizes
_PAD = 5.0
_SIDE = 11.0
_LONGEST = 42  # characters of a name
_WRAP = 32  # characters of a line of fields, where there are several


def sections_of(box: Box) -> tuple[Section, ...]:
    """A section for each part of ``box``: the first is led by its name, others are shorter."""
    result = []
    for number, part in enumerate(box.parts):
        lines = tuple(_lines(part, first=number == 0))
        height = sum(line.size * _LEADING for line in lines) + 2 * _PAD
        result.append(Section(height, FILLS[part.kind], lines))
    return tuple(result)


def baselines(section: Section) -> list[float]:
    """Where the lines of ``section`` stand, from its top."""
    y, result = _PAD, []
    for line in section.lines:
        y += line.size * _LEADING
        result.append(y - line.size * 0.32)
    return result


def size_of(sections: Iterable[Section]) -> tuple[float, float]:
    """Width and height of a box of ``sections``."""
    sections = list(sections)
    lines = [line for section in sections for line in section.lines]
    wide = max(width(line.text, line.size, bold=line.bold) for line in lines)
    return wide + 2 * _SIDE, sum(section.height for section in sections)


def _lines(part: Part, *, first: bool) -> Iterable[Line]:
    name = shortened(part.name, _LONGEST)
    phases = f", {part.phases} only" if part.phases else ""
    type_ = shortened(part.type, _LONGEST)
    if first:
        yield Line(name or "(no name)", NAME, bold=True)
        if type_:
            yield Line(type_ + phases, SMALL)
    else:
        yield Line(f"{name} ({type_}{phases})", SMALL)
    yield from (Line(text, SMALL, faint=True) for text in _wrapped(part.fields))


def _wrapped(fields: Sequence[str]) -> list[str]:
    """``fields`` on as few lines as fit, none much longer than the others."""
    texts = [shortened(text, _LONGEST) for text in fields]
    count = len(_filled(texts, _WRAP))
    return next(lines for most in range(_WRAP + 1) if len(lines := _filled(texts, most)) == count)


def _filled(texts: Sequence[str], most: int) -> list[str]:
    lines: list[str] = []
    for text in texts:
        if lines and len(lines[-1]) + 2 + len(text) <= most:
            lines[-1] += f", {text}"
        else:
            lines.append(text)
    return lines
