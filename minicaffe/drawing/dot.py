"""DOT: the graph for Graphviz, which lays it out itself."""

from __future__ import annotations

from minicaffe.drawing.graph import Box, Graph
from minicaffe.drawing.kinds import FILLS, darker
from minicaffe.drawing.sections import sections_of


def dot(graph: Graph, direction: str = "TB") -> str:
    """``graph`` in the language of Graphviz."""
    title = "\n".join([graph.title, graph.subtitle, *graph.notes]).strip()
    lines = [
        f"digraph {quoted(graph.title or 'net')} {{",
        f'  rankdir={direction}; label={quoted(title)}; labelloc=t; fontname="Helvetica";',
        '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11];',
        '  edge [fontname="Helvetica", fontsize=10, color="#66707d"];',
        *(f"  n{index} [{_node(box)}];" for index, box in enumerate(graph.boxes)),
    ]
    for edge in graph.edges:
        shape = graph.boxes[edge.source].ports[edge.blob]
        is_output = graph.boxes[edge.target].is_output
        label = "" if is_output else "\n".join(filter(None, [edge.blob, shape]))
        lines.append(f"  n{edge.source} -> n{edge.target} [label={quoted(label)}];")
    return "\n".join([*lines, "}", ""])


def quoted(text: str) -> str:
    """``text`` as a string of the language: a backslash and a quote stand for themselves."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\r", " ").replace("\n", "\\n").replace("\0", " ") + '"'


def _node(box: Box) -> str:
    text = "\n".join(line.text for section in sections_of(box) for line in section.lines)
    fill = FILLS[box.parts[0].kind]
    return f'label={quoted(text)}, fillcolor="{fill}", color="{darker(fill)}"'
