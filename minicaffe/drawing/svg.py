"""SVG: a picture as text that every browser shows."""

from __future__ import annotations

from html import escape

from minicaffe.drawing.kinds import darker
from minicaffe.drawing.picture import Curve, Picture, PlacedBox, PlacedText
from minicaffe.drawing.sections import baselines

_STYLE = (
    "text{font-family:Helvetica,Arial,'DejaVu Sans',sans-serif;fill:#1f2733}"
    ".b{font-weight:bold}.f{fill:#4b5563}"
    ".e path{fill:none;stroke:#66707d;stroke-width:1.3}"
)


def svg(picture: Picture) -> str:
    """``picture`` as a file of its own."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{svg_element(picture, standalone=True)}\n'


def svg_element(picture: Picture, *, standalone: bool = False) -> str:
    """``picture`` as an element; in an HTML page it needs no namespace."""
    wide, high = _number(picture.width), _number(picture.height)
    space = ' xmlns="http://www.w3.org/2000/svg"' if standalone else ""
    parts = [
        f'<svg{space} width="{wide}" height="{high}" viewBox="0 0 {wide} {high}">',
        f"<title>{_clean(picture.name)}</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0.6 L8 4 L0 7.4 z" fill="#66707d"/></marker>'
        "</defs>",
        f'<rect width="{wide}" height="{high}" fill="#ffffff"/>',
        '<g id="view">',
        *map(_text, picture.texts),
    ]
    for swatch in picture.swatches:
        parts.append(
            f'<rect x="{_number(swatch.x)}" y="{_number(swatch.y)}" width="11" height="11" '
            f'rx="2.5" fill="{swatch.fill}" stroke="{darker(swatch.fill)}"/>'
        )
        parts.append(_text(swatch.text))
    parts += ['<g class="e">', *map(_curve, picture.curves), "</g>"]
    parts += ['<g class="l">', *map(_text, picture.labels), "</g>"]
    parts += [*map(_box, picture.boxes), "</g>", "</svg>"]
    return "\n".join(parts)


def _box(box: PlacedBox) -> str:
    frame = darker(box.sections[0].fill)
    x, y, wide = _number(box.x), box.y, _number(box.width)
    out = [f'<g class="n" data-i="{box.index}">']
    place = f'x="{x}" width="{wide}"'
    round_ = ' rx="6"'
    out.append(
        f'<rect {place} y="{_number(y)}" height="{_number(box.height)}"{round_} '
        f'fill="{box.sections[0].fill}"/>'
    )
    for number, section in enumerate(box.sections):
        if number:
            last = number == len(box.sections) - 1
            out.append(_band(box, y, section.height, section.fill, last=last))
        out += [
            _text(PlacedText(box.x + box.width / 2, y + base, line, "middle"))
            for base, line in zip(baselines(section), section.lines, strict=True)
        ]
        y += section.height
    out.append(
        f'<rect class="o" {place} y="{_number(box.y)}" height="{_number(box.height)}"{round_} '
        f'fill="none" stroke="{frame}" stroke-width="1.2"/></g>'
    )
    return "".join(out)


def _band(box: PlacedBox, y: float, height: float, fill: str, *, last: bool) -> str:
    """A section after the first; the last has the box's round corners."""
    left, right, low = _number(box.x), _number(box.x + box.width), _number(y + height)
    if last:
        end = _number(y + height - 6)
        way = (
            f"V{end} Q{right} {low} {_number(box.x + box.width - 6)} {low} "
            f"H{_number(box.x + 6)} Q{left} {low} {left} {end}"
        )
    else:
        way = f"V{low} H{left}"
    return (
        f'<path d="M{left} {_number(y)} H{right} {way} Z" fill="{fill}"/>'
        f'<path d="M{left} {_number(y)} H{right}" stroke="{darker(fill, 0.8)}" stroke-width="0.8"/>'
    )


def _curve(curve: Curve) -> str:
    way = [f"M{_point(curve.start)}"]
    way += [("L" if len(step) == 1 else "C") + " ".join(map(_point, step)) for step in curve.steps]
    return (
        f'<path data-s="{curve.source}" data-t="{curve.target}" d="{"".join(way)}" '
        f'marker-end="url(#a)"><title>{_clean(curve.blob)}</title></path>'
    )


def _text(text: PlacedText) -> str:
    classes = " ".join(name for name, on in (("b", text.line.bold), ("f", text.line.faint)) if on)
    class_ = f' class="{classes}"' if classes else ""
    anchor = f' text-anchor="{text.anchor}"' if text.anchor != "start" else ""
    return (
        f'<text x="{_number(text.x)}" y="{_number(text.y)}" font-size="{_number(text.line.size)}"'
        f"{class_}{anchor}>{_clean(text.line.text)}</text>"
    )


def _clean(text: str) -> str:
    """``text`` for XML, which has no room for control characters, escaped or not."""
    return escape("".join(c if c.isprintable() else " " for c in text))


def _point(point: tuple[float, float]) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
