"""HTML: a picture in one file that pans, zooms, and shows a layer's definition on a click.

The page loads nothing, and says so to the browser, which then would not let it.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

from minicaffe.drawing.graph import Box, Graph
from minicaffe.drawing.html_page import PAGE, SCRIPT, STYLE
from minicaffe.drawing.picture import Picture
from minicaffe.drawing.svg import svg_element

_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028",
              "\u2029": "\\u2029"}  # fmt: skip


def html(graph: Graph, picture: Picture) -> str:
    """The page that shows ``picture``, which was laid out from ``graph``."""
    parts = {
        "title": escape(graph.title or "net"),
        "style": STYLE,
        "picture": svg_element(picture),
        "data": _json(_data(graph)),
        "script": SCRIPT,
    }
    return PAGE.format(**parts)


def _data(graph: Graph) -> list[dict[str, Any]]:
    """What the page knows of each box."""
    result = [_box(box) for box in graph.boxes]
    for edge in graph.edges:
        shape = graph.boxes[edge.source].ports[edge.blob]
        result[edge.target]["in"].append([edge.source, edge.blob, shape])
        result[edge.source]["out"].append([edge.target, edge.blob, shape])
    return result


def _box(box: Box) -> dict[str, Any]:
    parts = [[part.name, part.type, part.text] for part in box.parts]
    return {"parts": parts, "output": box.is_output, "in": [], "out": []}


def _json(value: object) -> str:
    """JSON that no browser takes for the end of the script it is in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = text.encode("utf-8", "replace").decode()
    return "".join(_IN_SCRIPT.get(character, character) for character in text)
