"""Writing a graph in the format that a file's extension names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from minicaffe.drawing.dot import dot
from minicaffe.drawing.graph import Graph
from minicaffe.drawing.html import html
from minicaffe.drawing.layout import DIRECTIONS, lay_out
from minicaffe.drawing.png import png
from minicaffe.drawing.svg import svg
from minicaffe.errors import MinicaffeError, did_you_mean

Writer = Callable[[Graph, str], bytes]


def _html(graph: Graph, direction: str) -> bytes:
    return html(graph, lay_out(graph, direction)).encode("utf-8", "replace")


WRITERS: dict[str, Writer] = {
    "svg": lambda graph, way: svg(lay_out(graph, way)).encode("utf-8", "replace"),
    "png": lambda graph, way: png(lay_out(graph, way)),
    "dot": lambda graph, way: dot(graph, way).encode("utf-8", "replace"),
    "html": _html,
}
_ALSO = {"gv": "dot", "htm": "html", "raw": "dot"}


def format_of(extension: str) -> str | None:
    """The format that ``extension`` stands for, or None."""
    name = extension.lower()
    name = _ALSO.get(name, name)
    return name if name in WRITERS else None


def check_format(extension: str) -> str:
    """The format that ``extension`` stands for.

    Raises:
        MinicaffeError: there is none.
    """
    found = format_of(extension)
    if found is None:
        raise MinicaffeError(
            f"format of the picture is {extension!r}, expected {', '.join(WRITERS)}: "
            f"{did_you_mean(extension, WRITERS)}"
        )
    return found


def encode(graph: Graph, extension: str, direction: str = "TB") -> bytes:
    """``graph`` as the content of a file.

    Args:
        graph: what to draw.
        extension: svg, png, dot or html.
        direction: where edges go: TB, BT, LR or RL.

    Raises:
        MinicaffeError: there is no such format, or no such direction.
    """
    write = WRITERS[check_format(extension)]
    if direction not in DIRECTIONS:
        raise MinicaffeError(f"direction is {direction!r}, expected one of {', '.join(DIRECTIONS)}")
    return write(graph, direction)


def save(graph: Graph, path: str | Path, direction: str = "TB") -> None:
    """Write ``graph`` to ``path``, in the format of its extension.

    Raises:
        MinicaffeError: there is no such format or direction, or the file cannot be written.
    """
    data = encode(graph, Path(path).suffix.removeprefix("."), direction)
    try:
        Path(path).write_bytes(data)
    except OSError as error:
        raise MinicaffeError(f"cannot write {path}: {error.strerror}") from error
